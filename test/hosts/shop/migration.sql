-- What the shop has beside this package's tables.
ALTER TABLE organizations RENAME TO tenants;
ALTER TABLE tenants
	ADD COLUMN title text NOT NULL,
	ADD COLUMN settings jsonb,
	ADD COLUMN data jsonb,
	ADD COLUMN parent_id uuid REFERENCES tenants (id);
ALTER TABLE users ADD COLUMN email text NOT NULL UNIQUE;
CREATE TABLE orders (
	id serial PRIMARY KEY,
	tenant_id uuid NOT NULL REFERENCES tenants (id),
	buyer_id uuid REFERENCES users (id),
	total numeric NOT NULL DEFAULT 0,
	payload jsonb,
	placed_at timestamptz(6) NOT NULL DEFAULT now()
);
CREATE TABLE deliveries (
	id serial PRIMARY KEY,
	order_id integer NOT NULL REFERENCES orders (id),
	destination_id uuid REFERENCES destinations (id),
	data text
);
CREATE TABLE rates (currency text PRIMARY KEY, settings jsonb NOT NULL DEFAULT '{}');
CREATE TABLE _members (
	"A" uuid NOT NULL REFERENCES tenants (id),
	"B" uuid NOT NULL REFERENCES users (id),
	PRIMARY KEY ("A", "B")
);
