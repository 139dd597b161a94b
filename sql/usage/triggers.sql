CREATE TRIGGER trg_keep_closed_usage BEFORE UPDATE OR DELETE ON saas.usage_summaries
  FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION saas.keep_closed_usage();
CREATE TRIGGER trg_keep_closed_usage BEFORE UPDATE OR DELETE ON saas.usage_fees
  FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION saas.keep_closed_usage();
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.usage_summaries
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('usage_summaries');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.usage_fees
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('usage_fees');
CREATE TRIGGER trg_ingest_begin BEFORE INSERT ON saas.usage_ingest
  FOR EACH STATEMENT EXECUTE FUNCTION saas.ingest_usage();
CREATE TRIGGER trg_ingest INSTEAD OF INSERT ON saas.usage_ingest
  FOR EACH ROW EXECUTE FUNCTION saas.ingest_usage();
CREATE TRIGGER trg_ingest_end AFTER INSERT ON saas.usage_ingest
  FOR EACH STATEMENT EXECUTE FUNCTION saas.ingest_usage();
-- Every backend keeps what it counts by with what it knows of permissions, and forgets it with that.
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.features
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.features
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.features ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OF billing_cycle ON saas.plans
  FOR EACH ROW WHEN (NEW.billing_cycle <> 'calendar') EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.plans ENABLE ALWAYS TRIGGER trg_permissions_changed;
