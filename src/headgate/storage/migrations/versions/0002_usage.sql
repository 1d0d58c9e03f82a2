-- Old workers leave these out, so each has a default.
ALTER TABLE ledger_entries
    ADD COLUMN cache_write_1h_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN audio_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN audio_output_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN tool_requests bigint NOT NULL DEFAULT 0;
