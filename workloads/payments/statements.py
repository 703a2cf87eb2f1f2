"""What store and settler ask of a shard, in SQL. `$1`, `$2` of each write are shard and version of the map."""

from contracts import idempotency

CHECKED = "WITH epoch AS (SELECT 1 FROM shard_epoch WHERE shard = $1 AND version <= $2)"

CLAIM = f"""{CHECKED}, claimed AS (
  INSERT INTO idempotency_keys (account_id, key, fingerprint)
  SELECT $3::text, $4::text, $5::text FROM epoch
  ON CONFLICT (account_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, state = 'in-flight', answer_status = NULL, answer = NULL, created_at = now()
    WHERE idempotency_keys.created_at < now() - interval '{idempotency.KEPT_H} hours'
  RETURNING 1)"""
"""An expired key is taken over. A second request waits here for the first one's transaction, then finds its key."""

BEGIN_PAYMENT = f"""{CLAIM}, account AS (
  INSERT INTO accounts (account_id) SELECT $3::text FROM claimed ON CONFLICT DO NOTHING
), made AS (
  INSERT INTO payments (id, account_id, key, amount, currency, market, bank, livemode, instrument, parties, fraud,
    token)
  SELECT $6::text, $3::text, $4::text, $7::bigint, $8::text, $9::text, $10::text, $11::boolean, $12::text, $13::text,
         $14::text, $15::text
  FROM claimed
  RETURNING created_at)
SELECT (SELECT count(*) FROM epoch) AS epoch, (SELECT count(*) FROM claimed) AS claimed,
       (SELECT created_at FROM made) AS created_at"""

BEGIN_REFUND = f"""{CLAIM}, reserved AS (
  UPDATE payments SET refunded = refunded + coalesce($7::bigint, amount - refunded), updated_at = now() FROM claimed
  WHERE id = $8::text AND account_id = $3::text AND livemode = $9::boolean AND status = 'succeeded'
    AND coalesce($7::bigint, amount - refunded) BETWEEN 1 AND amount - refunded
  RETURNING id, currency, market, bank, livemode),
made AS (
  INSERT INTO refunds (id, payment_id, account_id, key, amount, currency, market, bank, livemode, why)
  SELECT $6::text, r.id, $3::text, $4::text, coalesce($7::bigint, p.amount - p.refunded), r.currency, r.market, r.bank,
         r.livemode, $10::text
  FROM reserved r JOIN payments p ON p.id = r.id
  RETURNING *)
SELECT (SELECT count(*) FROM epoch) AS epoch, (SELECT count(*) FROM claimed) AS claimed, made.*
FROM (SELECT 1) one LEFT JOIN made ON true"""
"""Every part of the statement sees the payment as it was before: what is left is the same number twice."""

RELEASE_PAYMENT = f"""{CHECKED}, gone AS (
  DELETE FROM payments WHERE id = $3 AND status = 'submitting' AND EXISTS (SELECT FROM epoch) RETURNING account_id, key)
DELETE FROM idempotency_keys k USING gone WHERE k.account_id = gone.account_id AND k.key = gone.key"""

RELEASE_REFUND = f"""{CHECKED}, gone AS (
  DELETE FROM refunds WHERE id = $3 AND status = 'submitting' AND EXISTS (SELECT FROM epoch)
  RETURNING account_id, key, payment_id, amount),
back AS (UPDATE payments p SET refunded = refunded - gone.amount FROM gone WHERE p.id = gone.payment_id)
DELETE FROM idempotency_keys k USING gone WHERE k.account_id = gone.account_id AND k.key = gone.key"""

EVENT = f"""{CHECKED}, chain AS (
  UPDATE accounts SET last_sequence = $4, last_hash = $5 FROM epoch WHERE account_id = $3 RETURNING 1),
event AS (
  INSERT INTO outbox (event_id, account_id, sequence, type, envelope, traceparent)
  SELECT $6::text, $3, $4, $7::text, $8::text, $9::text FROM chain)"""

APPEND = f"{EVENT} SELECT count(*) FROM chain"
"""An event of a payment that goes on."""

OPEN_KEY = "(state = 'in-flight' OR answer_status = 500)"
"""A key whose request has no answer of the bank yet: a 500 that says so (`ANSWER_FAILED`) is repeated only until the
settler has one."""

FINISH = f"""{EVENT}, done AS (
  UPDATE {{table}} SET status = $10, reason = $11, updated_at = now(){{also}} FROM chain WHERE id = $12),
answered AS (
  UPDATE idempotency_keys SET state = 'done', answer_status = $14, answer = $15 FROM chain
  WHERE account_id = $3 AND key = $13 AND {OPEN_KEY})
SELECT count(*) FROM chain"""

FINISH_QUIETLY = f"""{CHECKED}, done AS (
  UPDATE refunds SET status = $5, reason = $6, updated_at = now() FROM epoch WHERE id = $7 RETURNING 1),
answered AS (
  UPDATE idempotency_keys SET state = 'done', answer_status = $8, answer = $9 FROM done
  WHERE account_id = $3 AND key = $4 AND {OPEN_KEY})
SELECT count(*) FROM done"""
"""A refund that the bank did not answer has no event of its own: it is the refund's last word that others count."""

ANSWER_FAILED = f"""{CHECKED} UPDATE idempotency_keys SET state = 'done', answer_status = $5, answer = $6 FROM epoch
WHERE account_id = $3 AND key = $4 AND state = 'in-flight'"""

LOCK_PAYMENT = """SELECT r.*, a.last_sequence, a.last_hash FROM payments r JOIN accounts a USING (account_id)
WHERE r.id = $1 FOR NO KEY UPDATE"""
"""Row and account, before an event of the row."""

LOCK_REFUND = """SELECT r.*, a.last_sequence, a.last_hash, p.fraud
FROM refunds r JOIN accounts a USING (account_id) JOIN payments p ON p.id = r.payment_id
WHERE r.id = $1 FOR NO KEY UPDATE OF r, a"""

CLAIM_KEY = f"{CLAIM} SELECT (SELECT count(*) FROM epoch) AS epoch, (SELECT count(*) FROM claimed) AS claimed"

DECIDE = f"""{CHECKED} UPDATE payments SET status = 'submitting', reason = NULL, verdict = $4, key = $5,
  submitted_at = now(), asked_at = NULL, updated_at = now()
FROM epoch WHERE id = $3 RETURNING 1"""
"""A held payment is on its way: to the bank, or within the same transaction to its end."""

HOLD_AGAIN = f"""{CHECKED}, back AS (
  UPDATE payments SET status = $4, reason = $5, updated_at = now() FROM epoch WHERE id = $3 AND status = 'submitting'
  RETURNING account_id, key)
DELETE FROM idempotency_keys k USING back
WHERE k.account_id = back.account_id AND k.key = back.key AND k.state = 'in-flight'"""
"""The bank took nothing: the verdict stands, and whoever gave it asks again. The key of a confirmation is free again,
that of the payment itself has its answer since it was held."""

HELD_FIRST = """SELECT * FROM payments WHERE status IN ('review', 'authenticate') AND ($1::text IS NULL OR status = $1)
ORDER BY created_at, id LIMIT $2"""
"""Those that wait longest, from the index of what is held."""

OF_DECISION = """SELECT * FROM payments WHERE account_id = $1
  AND (id = $3 OR fraud::jsonb ->> 'decision' <> 'allow' AND fraud::jsonb ->> 'id' = $2)"""
