/** The SQL of the ticket as somebody repaired it who had to have a table: where it does not run, and nowhere else. */
export const formerSql = `
CREATE TABLE organizations (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), name TEXT NOT NULL DEFAULT 'x');
CREATE TABLE users (id UUID PRIMARY KEY DEFAULT gen_random_uuid());
CREATE SCHEMA auth;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE
	AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;

CREATE TABLE destinations (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id) ON DELETE CASCADE,
  type VARCHAR(50) NOT NULL,
  name VARCHAR(255) NOT NULL,
  description TEXT,
  environment VARCHAR(20) NOT NULL DEFAULT 'production',
  settings JSONB NOT NULL DEFAULT '{}',
  settings_encrypted BOOLEAN NOT NULL DEFAULT true,
  required_consent TEXT[] NOT NULL DEFAULT '{}',
  enabled BOOLEAN NOT NULL DEFAULT true,
  test_mode BOOLEAN NOT NULL DEFAULT false,
  last_tested_at TIMESTAMP WITH TIME ZONE,
  connection_status VARCHAR(20) DEFAULT 'unknown',
  last_error TEXT,
  deleted_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
  created_by UUID REFERENCES users(id),
  updated_by UUID REFERENCES users(id),
  CONSTRAINT destinations_valid_type CHECK (type IN ('posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude')),
  CONSTRAINT destinations_valid_environment CHECK (environment IN ('development', 'staging', 'production')),
  CONSTRAINT destinations_valid_consent CHECK (required_consent <@ ARRAY['necessary', 'measurement', 'marketing', 'functionality', 'experience']),
  CONSTRAINT destinations_valid_status CHECK (connection_status IN ('connected', 'failed', 'unknown', 'testing'))
);
CREATE UNIQUE INDEX destinations_org_type_env_unique ON destinations (organization_id, type, environment) WHERE deleted_at IS NULL;
CREATE INDEX idx_destinations_organization_id ON destinations(organization_id);
CREATE INDEX idx_destinations_type ON destinations(type);
CREATE INDEX idx_destinations_environment ON destinations(environment);
CREATE INDEX idx_destinations_enabled ON destinations(enabled);
CREATE INDEX idx_destinations_deleted_at ON destinations(deleted_at);
CREATE INDEX idx_destinations_created_at ON destinations(created_at);
CREATE INDEX idx_destinations_updated_at ON destinations(updated_at);
CREATE INDEX idx_destinations_org_env ON destinations(organization_id, environment);
CREATE INDEX idx_destinations_org_enabled ON destinations(organization_id, enabled);
CREATE INDEX idx_destinations_type_env ON destinations(type, environment);
CREATE INDEX idx_destinations_settings_gin ON destinations USING GIN (settings);
CREATE OR REPLACE FUNCTION update_destinations_updated_at()
RETURNS TRIGGER AS $$
BEGIN
  NEW.updated_at = NOW();
  RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER trigger_update_destinations_updated_at
  BEFORE UPDATE ON destinations
  FOR EACH ROW
  EXECUTE FUNCTION update_destinations_updated_at();
ALTER TABLE destinations ENABLE ROW LEVEL SECURITY;
CREATE POLICY destinations_organization_isolation ON destinations FOR ALL TO authenticated
  USING (organization_id = (auth.jwt() ->> 'organization_id')::uuid);
CREATE POLICY destinations_service_access ON destinations FOR ALL TO service_role USING (true);
CREATE POLICY destinations_no_anonymous ON destinations FOR ALL TO anon USING (false);
GRANT ALL ON destinations TO authenticated, service_role;`;
