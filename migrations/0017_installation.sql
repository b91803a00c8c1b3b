-- The id of this installation. Names that replicas use outside of the database begin with it, so that installations can
-- share a Redis. It is a function and not a row, so that nothing can change it.
DO $$
BEGIN
  EXECUTE format('CREATE FUNCTION installation_id() RETURNS text LANGUAGE sql IMMUTABLE AS %L',
    format('SELECT %L', gen_random_uuid()));
END $$;
