"""What the scorer counts; `GET /metrics` shows it. Labels are words of small vocabularies."""

from workloads.telemetry import Counter, Gauge, Histogram

DECISIONS = Counter("fraud_decisions_total", "Decisions by decision, mode and caller class.")
REFUSED = Counter("fraud_refused_total", "Requests that could not be judged, by reason.")
SECONDS = Histogram("fraud_decision_seconds", "From request to answer.")
SIGNALS_MISSING = Counter("fraud_signals_missing_total", "Decisions without some remembered features, by entity.")
RULES_MATCHED = Counter("fraud_rules_matched_total", "Matches by rule.")
WRITES_LOST = Counter("fraud_writes_lost_total", "Feature changes and decisions given up, by destination.")
WRITES = Counter("fraud_writes_total", "Feature changes and decisions written, by destination.")
FAIL_OPEN = Counter("fraud_fail_open_total", "Payments that passed unscored and were rescored, by new decision.")
OUTCOMES = Counter("fraud_outcomes_total", "What became of payments, by fate.")
BUDGET_LEFT = Gauge("fraud_fail_open_budget_left", "Share of the fail-open error budget that this process sees left.")
MODEL_ERRORS = Counter("fraud_model_errors_total", "Models or pointers that could not be loaded, by kind.")
