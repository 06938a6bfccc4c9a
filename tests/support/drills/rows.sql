-- Rows of the schema; :n, at least 1,000, is about their number.
INSERT INTO categories SELECT n, nullif(n / 10, 0), 'category ' || n FROM generate_series(1, 100) n;
INSERT INTO customers (email, name, born, tags)
    SELECT n || '@example.org', E'name\t' || n, '1950-01-01'::date + n % 20000, ARRAY['a', n::text]
    FROM generate_series(1, :n / 10) n;
INSERT INTO addresses (customer, line) SELECT n, E'line\n\\.\n' || n FROM generate_series(1, :n / 10) n;
INSERT INTO products SELECT n, 1 + n % 100, 'product ' || n, n % 1000 FROM generate_series(1, :n / 50) n;
INSERT INTO prices SELECT n, '2024-01-01', n % 1000 FROM generate_series(1, :n / 50) n;
INSERT INTO stock SELECT n, n % 7 FROM generate_series(1, :n / 50) n;
INSERT INTO orders (customer, state, placed) SELECT 1 + n % (:n / 10), (enum_range(NULL::state))[1 + n % 4],
    '2024-01-01Z'::timestamptz + n * interval '1 min' FROM generate_series(1, :n / 5) n;
INSERT INTO order_lines SELECT 1 + n % (:n / 5), n / (:n / 5), 1 + n % (:n / 50), 1 + n % 5
    FROM generate_series(0, :n * 3 / 10 - 1) n;
INSERT INTO payments (placed_order, amount) SELECT n, n FROM generate_series(1, :n / 20) n;
INSERT INTO refunds SELECT id, NULL FROM payments WHERE amount < :n / 100;
INSERT INTO shipments (placed_order, sent) SELECT n, n * interval '1 s' FROM generate_series(1, :n / 20) n;
INSERT INTO invoices SELECT 'I' || n, n, jsonb_build_object('n', n) FROM generate_series(1, :n / 20) n;
INSERT INTO coupons SELECT 'C' || n, 1 + n % 100, daterange('2024-01-01', NULL)
    FROM generate_series(1, 100) n;
INSERT INTO reviews SELECT n, 1 + n % (:n / 50), n % 6, repeat('word ', n % 9)
    FROM generate_series(1, :n / 20) n;
INSERT INTO tags SELECT n, 'tag ' || n FROM generate_series(1, 50) n;
INSERT INTO product_tags SELECT n, 1 + n % 50 FROM generate_series(1, :n / 50) n;
INSERT INTO sessions SELECT decode(md5(n::text), 'hex'), n, '192.0.2.1' FROM generate_series(1, :n / 50) n;
INSERT INTO settings SELECT 'key ' || n, to_jsonb(n) FROM generate_series(1, 100) n;
INSERT INTO notes (body) SELECT decode(md5(n::text), 'hex') FROM generate_series(1, :n / 50) n;
INSERT INTO "Mixed ""Case"" (old)" SELECT n, NULLIF(n % 2, 0)::text FROM generate_series(1, 100) n;
INSERT INTO "日本語" SELECT n, '名前' || n FROM generate_series(1, 100) n;
INSERT INTO audit SELECT '2023-07-01Z'::timestamptz + n * interval '5 min', 'made'
    FROM generate_series(1, :n / 50) n;
REFRESH MATERIALIZED VIEW sales;
