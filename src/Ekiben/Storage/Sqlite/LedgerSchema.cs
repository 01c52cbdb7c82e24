namespace Ekiben.Storage.Sqlite;

/// <summary>
/// The ledger's tables, which EF's model leaves out: they are lean (WITHOUT ROWID, integers only, about 45 bytes a recipient with its key)
/// and only hand-written SQL touches them. State numbers are those of <see cref="Broadcasts.RecipientState"/>.
/// </summary>
internal static class LedgerSchema
{
    public const string Create = """
        CREATE TABLE subscriber_tags (
            tag_id        INTEGER NOT NULL,
            subscriber_id INTEGER NOT NULL,
            PRIMARY KEY (tag_id, subscriber_id)
        ) WITHOUT ROWID;
        CREATE INDEX ix_subscriber_tags_subscriber ON subscriber_tags (subscriber_id, tag_id);

        -- One row a recipient. A shard is a range of address ids, so the walk of a shard is a walk of this key and no row carries its shard.
        CREATE TABLE recipients (
            broadcast_id  INTEGER NOT NULL,
            address_id    INTEGER NOT NULL,
            subscriber_id INTEGER NOT NULL,
            state         INTEGER NOT NULL DEFAULT 0,
            attempts      INTEGER NOT NULL DEFAULT 0,
            epoch         INTEGER NOT NULL DEFAULT 0,
            resent        INTEGER NOT NULL DEFAULT 0, -- 1 once an uncertain row was claimed again: it never is a third time
            not_before    INTEGER,
            reply_id      INTEGER,
            first_at      INTEGER,
            last_at       INTEGER,
            PRIMARY KEY (broadcast_id, address_id)
        ) WITHOUT ROWID;

        CREATE TABLE left_out (
            broadcast_id  INTEGER NOT NULL,
            subscriber_id INTEGER NOT NULL,
            address_id    INTEGER NOT NULL,
            reason        INTEGER NOT NULL,
            PRIMARY KEY (broadcast_id, subscriber_id)
        ) WITHOUT ROWID;

        CREATE TABLE shards (
            id             INTEGER PRIMARY KEY AUTOINCREMENT,
            broadcast_id   INTEGER NOT NULL,
            number         INTEGER NOT NULL,
            first_address  INTEGER NOT NULL,
            last_address   INTEGER NOT NULL,
            epoch          INTEGER NOT NULL DEFAULT 0,
            pending        INTEGER NOT NULL DEFAULT 0,
            sending        INTEGER NOT NULL DEFAULT 0,
            deferred       INTEGER NOT NULL DEFAULT 0,
            accepted       INTEGER NOT NULL DEFAULT 0,
            refused        INTEGER NOT NULL DEFAULT 0,
            expired        INTEGER NOT NULL DEFAULT 0,
            suppressed     INTEGER NOT NULL DEFAULT 0,
            render_failed  INTEGER NOT NULL DEFAULT 0,
            canceled       INTEGER NOT NULL DEFAULT 0,
            uncertain      INTEGER NOT NULL DEFAULT 0,
            uncertain_ever INTEGER NOT NULL DEFAULT 0,
            resent         INTEGER NOT NULL DEFAULT 0,
            UNIQUE (broadcast_id, number)
        );

        CREATE TABLE replies (
            id       INTEGER PRIMARY KEY,
            code     INTEGER NOT NULL,
            enhanced TEXT NOT NULL,
            text     TEXT NOT NULL,
            UNIQUE (code, enhanced, text)
        );

        -- Only what was not accepted at once: an accepted first attempt leaves no row here.
        CREATE TABLE attempts (
            id           INTEGER PRIMARY KEY,
            broadcast_id INTEGER NOT NULL,
            address_id   INTEGER NOT NULL,
            number       INTEGER NOT NULL,
            at           INTEGER NOT NULL,
            outcome      TEXT NOT NULL,
            phase        TEXT NOT NULL,
            reply_id     INTEGER
        );
        CREATE INDEX ix_attempts_recipient ON attempts (broadcast_id, address_id, number);

        CREATE TABLE throttles (
            broadcast_id INTEGER PRIMARY KEY,
            grant_at     INTEGER NOT NULL,
            left_in_grant INTEGER NOT NULL
        );
        """;

    public const string Drop = """
        DROP TABLE throttles;
        DROP TABLE attempts;
        DROP TABLE replies;
        DROP TABLE shards;
        DROP TABLE left_out;
        DROP TABLE recipients;
        DROP TABLE subscriber_tags;
        """;
}
