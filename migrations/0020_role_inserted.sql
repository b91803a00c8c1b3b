-- A refusal names the roles that grant what is missing, and each replica keeps the roles of a tenant in memory. The system
-- roles come with their tenant, which nobody can remember yet.
CREATE TRIGGER fact_inserted AFTER INSERT ON roles FOR EACH ROW
  WHEN (NEW.system_role IS NULL)
  EXECUTE FUNCTION on_fact_change('tenant', 'tenant_id', '', '');
