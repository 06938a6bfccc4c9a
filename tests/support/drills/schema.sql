-- A schema with the features of real ones, for the drills.
CREATE TYPE state AS ENUM ('new', 'paid', 'sent', 'closed');
CREATE DOMAIN positive AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE TABLE categories (
    id integer PRIMARY KEY, parent integer REFERENCES categories, name text NOT NULL UNIQUE);
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE,
    name text NOT NULL, born date CHECK (born > '1900-01-01'), tags text[] NOT NULL DEFAULT '{}');
CREATE TABLE addresses (
    id bigserial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    line text, country char(2) NOT NULL DEFAULT 'JP');
CREATE TABLE products (
    id integer PRIMARY KEY, category integer NOT NULL REFERENCES categories, name text NOT NULL,
    price positive, gross numeric GENERATED ALWAYS AS (price * 1.1) STORED);
CREATE TABLE prices (
    product integer REFERENCES products, since date, price positive, PRIMARY KEY (product, since));
CREATE TABLE stock (
    product integer PRIMARY KEY REFERENCES products, amount integer NOT NULL CHECK (amount >= 0));
CREATE TABLE orders (
    id bigserial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, state state NOT NULL,
    placed timestamptz NOT NULL);
CREATE TABLE order_lines (placed_order bigint REFERENCES orders ON DELETE CASCADE, line smallint,
    product integer NOT NULL REFERENCES products, amount integer NOT NULL CHECK (amount > 0),
    PRIMARY KEY (placed_order, line));
CREATE TABLE payments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), placed_order bigint UNIQUE REFERENCES orders,
    amount positive NOT NULL);
CREATE TABLE refunds (payment uuid PRIMARY KEY REFERENCES payments, reason text);
CREATE TABLE shipments (
    id bigserial PRIMARY KEY, placed_order bigint NOT NULL REFERENCES orders, sent interval);
CREATE TABLE invoices (
    number text PRIMARY KEY, placed_order bigint NOT NULL REFERENCES orders, body jsonb NOT NULL);
CREATE TABLE coupons (
    code text PRIMARY KEY, percent smallint CHECK (percent BETWEEN 1 AND 100), valid daterange);
CREATE TABLE reviews (customer bigint REFERENCES customers, product integer REFERENCES products,
    stars smallint NOT NULL, words text, PRIMARY KEY (customer, product));
CREATE TABLE tags (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE product_tags (
    product integer REFERENCES products, tag integer REFERENCES tags, PRIMARY KEY (product, tag));
CREATE TABLE sessions (token bytea PRIMARY KEY, customer bigint REFERENCES customers, address inet);
CREATE TABLE settings (key text PRIMARY KEY, value jsonb);
CREATE TABLE notes (id bigserial PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE "Mixed ""Case"" (old)" (id integer PRIMARY KEY, "a column" text);
CREATE TABLE "日本語" (番号 integer PRIMARY KEY, 名前 text NOT NULL);
CREATE TABLE empty (id integer);
CREATE TABLE audit (at timestamptz NOT NULL, what text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE audit_2023 PARTITION OF audit FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE audit_2024 PARTITION OF audit FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX orders_placed ON orders (placed DESC) WHERE state <> 'closed';
CREATE INDEX audit_at ON audit (at);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE state <> 'closed';
CREATE MATERIALIZED VIEW sales AS SELECT product, sum(amount) AS sold FROM order_lines GROUP BY product;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.audit VALUES ('2024-06-01', TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER noted AFTER INSERT ON coupons FOR EACH ROW EXECUTE FUNCTION noted();
COMMENT ON TABLE notes IS 'Anything; even ''quotes''';
