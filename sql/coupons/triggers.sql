CREATE TRIGGER trg_keep_redemption BEFORE UPDATE OR DELETE ON saas.coupon_redemptions
  FOR EACH ROW EXECUTE FUNCTION saas.keep_redemption();
