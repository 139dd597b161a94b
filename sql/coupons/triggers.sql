CREATE TRIGGER trg_keep_redemption BEFORE UPDATE OR DELETE ON saas.coupon_redemptions
  FOR EACH ROW EXECUTE FUNCTION saas.keep_redemption();
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.coupon_redemptions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('coupon_redemptions');
