CREATE TRIGGER trg_enforce_system_role_assignment
  BEFORE INSERT OR UPDATE ON saas.system_role_assignments
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_system_role_assignment();
CREATE TRIGGER trg_role_scope_fixed
  BEFORE UPDATE OF tenant_id ON saas.roles
  FOR EACH ROW WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION saas.keep_role_scope();

CREATE TRIGGER trg_enforce_break_glass AFTER INSERT OR UPDATE OF role_id, expires_at ON saas.system_role_assignments
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_break_glass();
CREATE TRIGGER trg_keep_break_glass_role
  BEFORE UPDATE OF is_break_glass ON saas.roles
  FOR EACH ROW WHEN (OLD.is_break_glass <> NEW.is_break_glass)
  EXECUTE FUNCTION saas.keep_break_glass_role();
-- What was recorded stays; these columns are filled in once.
CREATE TRIGGER trg_keep_record AFTER UPDATE ON saas.impersonation_sessions
  FOR EACH ROW EXECUTE FUNCTION saas.keep_record('impersonation_sessions', 'approved_by', 'ended_at');
CREATE TRIGGER trg_keep_record AFTER UPDATE ON saas.break_glass_events
  FOR EACH ROW EXECUTE FUNCTION saas.keep_record('break_glass_events', 'closed_at', 'reviewed_at', 'reviewed_by', 'outcome');

-- Impersonations end with what they rest on. A check that comes in between finds out by itself: these keep the record.
CREATE TRIGGER trg_end_impersonations AFTER INSERT OR UPDATE OR DELETE ON saas.system_role_assignments
  FOR EACH STATEMENT EXECUTE FUNCTION saas.end_impersonations();
CREATE TRIGGER trg_end_impersonations AFTER UPDATE OR DELETE ON saas.role_permissions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.end_impersonations();
CREATE TRIGGER trg_end_impersonations AFTER UPDATE OF deleted_at ON saas.users
  FOR EACH STATEMENT EXECUTE FUNCTION saas.end_impersonations();
CREATE TRIGGER trg_end_impersonations_revoked AFTER UPDATE OF revoked_at ON saas.sessions
  FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
  EXECUTE FUNCTION saas.end_impersonations_of_session();
CREATE TRIGGER trg_end_impersonations_deleted AFTER DELETE ON saas.sessions
  FOR EACH ROW WHEN (OLD.revoked_at IS NULL)
  EXECUTE FUNCTION saas.end_impersonations_of_session();

-- Whatever decides permissions tells every backend to forget what it knew. The argument is the column that says about whom:
-- without one it is about everybody.
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.roles
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.roles
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.permissions
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.permissions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.role_permissions
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.role_permissions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.system_role_assignments
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed('assigned_user_id');
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.system_role_assignments
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed('user_id');
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.tenant_members
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.access_grants
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.access_grants
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE UPDATE OF suspended_at, deleted_at, time_zone OR DELETE ON saas.tenants
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.tenants
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE UPDATE OF deleted_at OR DELETE ON saas.users
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed('id');
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.users
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_changed BEFORE UPDATE OF ended_at OR DELETE ON saas.impersonation_sessions
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed('id');
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.impersonation_sessions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.impersonation_sessions ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.roles ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.permissions ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.role_permissions ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.system_role_assignments ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.tenant_members ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.access_grants ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.tenants ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
ALTER TABLE saas.users ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
