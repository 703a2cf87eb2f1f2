-- Tables of one shard. Run by the migrator as the owner of the schema, any number of times.

CREATE TABLE IF NOT EXISTS shard_epoch (
    shard   text PRIMARY KEY,
    version bigint NOT NULL
);
COMMENT ON TABLE shard_epoch IS 'One row: which shard this is, and the oldest version of the map that may still write. '
    'Whoever raises it waits for the transactions that began before (pg_snapshot_xmin) before counting on it.';

CREATE TABLE IF NOT EXISTS accounts (
    account_id    text PRIMARY KEY,
    last_sequence bigint NOT NULL DEFAULT 0,
    last_hash     text NOT NULL DEFAULT 'genesis',
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS idempotency_keys (
    account_id    text NOT NULL,
    key           text NOT NULL,
    fingerprint   text NOT NULL,
    state         text NOT NULL DEFAULT 'in-flight' CHECK (state IN ('in-flight', 'done')),
    answer_status integer,
    answer        text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
COMMENT ON TABLE idempotency_keys IS 'key and fingerprint are keyed digests; answer holds no personal field.';
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE IF NOT EXISTS payments (
    id          text PRIMARY KEY,
    account_id  text NOT NULL REFERENCES accounts,
    status      text NOT NULL DEFAULT 'submitting' CHECK (status IN
        ('submitting', 'pending', 'succeeded', 'declined', 'failed', 'review', 'authenticate')),
    reason      text,
    amount      bigint NOT NULL CHECK (amount > 0),
    refunded    bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
    currency    text NOT NULL,
    market      text NOT NULL,
    bank        text NOT NULL,
    livemode    boolean NOT NULL,
    instrument  text NOT NULL,
    parties     text NOT NULL,
    fraud       text NOT NULL,
    key         text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    asked_at    timestamptz
);
ALTER TABLE payments
    ADD COLUMN IF NOT EXISTS submitted_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS token        text,
    ADD COLUMN IF NOT EXISTS verdict      text;
COMMENT ON COLUMN payments.submitted_at IS 'When the bank was asked, or was about to be: later than created_at for one '
    'that was held.';
COMMENT ON COLUMN payments.token IS 'JSON: the sealed token of a payment that is held; gone once it is finished.';
COMMENT ON COLUMN payments.verdict IS 'JSON: who ended the waiting of one that was held, and how.';
COMMENT ON COLUMN payments.parties IS 'JSON: payer, payee, merchant, device; personal fields as ciphertext.';
CREATE INDEX IF NOT EXISTS payments_by_account ON payments (account_id, livemode, id DESC);
CREATE INDEX IF NOT EXISTS payments_open ON payments (created_at) WHERE status IN ('submitting', 'pending');
CREATE INDEX IF NOT EXISTS payments_held ON payments (created_at) WHERE status IN ('review', 'authenticate');
CREATE INDEX IF NOT EXISTS payments_by_decision ON payments (account_id, (fraud::jsonb ->> 'id'))
    WHERE fraud::jsonb ->> 'decision' <> 'allow';

CREATE TABLE IF NOT EXISTS refunds (
    id          text PRIMARY KEY,
    payment_id  text NOT NULL REFERENCES payments,
    account_id  text NOT NULL REFERENCES accounts,
    status      text NOT NULL DEFAULT 'submitting' CHECK (status IN ('submitting', 'pending', 'succeeded', 'failed')),
    reason      text,
    amount      bigint NOT NULL CHECK (amount > 0),
    currency    text NOT NULL,
    market      text NOT NULL,
    bank        text NOT NULL,
    livemode    boolean NOT NULL,
    key         text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    asked_at    timestamptz
);
ALTER TABLE refunds
    ADD COLUMN IF NOT EXISTS submitted_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS why          text;
COMMENT ON COLUMN refunds.why IS 'What the merchant said; reason is the word for the status.';
CREATE INDEX IF NOT EXISTS refunds_by_payment ON refunds (payment_id);
CREATE INDEX IF NOT EXISTS refunds_open ON refunds (created_at) WHERE status IN ('submitting', 'pending');

CREATE TABLE IF NOT EXISTS outbox (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id    text NOT NULL UNIQUE,
    account_id  text NOT NULL,
    sequence    bigint NOT NULL,
    type        text NOT NULL,
    envelope    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    relayed_at  timestamptz,
    UNIQUE (account_id, sequence)
);
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS traceparent text;
COMMENT ON COLUMN outbox.traceparent IS 'W3C context of the transaction that wrote the event; beside the envelope, whose '
    'hash it has no part in.';
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (position) WHERE relayed_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_relayed ON outbox (relayed_at) WHERE relayed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS relay_lease (
    name       text PRIMARY KEY,
    owner      text,
    expires_at timestamptz
);

-- Roles sign in with tokens (rds_iam); what they may do is what their program does.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['payments', 'relay', 'auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT rds_iam TO %I', name);
        -- Here and not per session: SET would pin the proxy's connection.
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', name, '10s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', name, '10s');
    END LOOP;
END $$;

GRANT SELECT ON shard_epoch TO payments;
GRANT SELECT, INSERT, UPDATE ON accounts, refunds TO payments;
GRANT SELECT, INSERT, UPDATE, DELETE ON payments, idempotency_keys TO payments;
GRANT DELETE ON refunds TO payments;
GRANT SELECT, INSERT, DELETE ON outbox TO payments;
GRANT SELECT, UPDATE (relayed_at) ON outbox TO relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_lease TO relay;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor;
