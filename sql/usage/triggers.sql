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
