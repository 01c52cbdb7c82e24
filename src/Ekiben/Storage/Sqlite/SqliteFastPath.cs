using Microsoft.Data.Sqlite;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// The two transitions that nearly every message makes, each in one statement that checks everything it rests on in its WHERE:
/// <c>pending → sending</c> of a row never tried, and <c>sending → accepted</c> of a first try. A row that is in any way different is left
/// alone, and <see cref="SqliteLedger"/> takes the long way with it.
/// </summary>
internal sealed class SqliteFastPath(SqliteConnection connection) : IDisposable
{
    private readonly SqliteStatement _claim = new(connection, """
        UPDATE recipients SET state = 1, attempts = 1, epoch = ?3, first_at = ?4, last_at = ?5
        WHERE broadcast_id = ?1 AND address_id = ?2 AND state = 0 AND attempts = 0 AND resent = 0 AND first_at IS NULL
          AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = recipients.subscriber_id AND s.unsubscribed_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM suppressions p WHERE p.site_id = ?6 AND p.address_id = ?2)
        """);

    private readonly SqliteStatement _accept = new(connection, """
        UPDATE recipients SET state = 3, epoch = ?3, not_before = NULL, last_at = ?4, reply_id = ?5
        WHERE broadcast_id = ?1 AND address_id = ?2 AND state = 1 AND attempts = 1 AND resent = 0
        """);

    private readonly SqliteStatement _isPlain = new(connection, """
        SELECT EXISTS (SELECT 1 FROM broadcasts b JOIN shards sh ON sh.broadcast_id = b.id
                       WHERE sh.id = ?1 AND b.id = ?2 AND b.status = 'sending' AND b.batch_size_per_hour IS NULL AND NOT b.is_stream AND sh.epoch = ?3)
        """);

    private readonly SqliteStatement _count = new(connection, """
        UPDATE shards SET pending = pending + ?2, sending = sending + ?3, deferred = deferred + ?4, accepted = accepted + ?5, refused = refused + ?6,
            expired = expired + ?7, suppressed = suppressed + ?8, render_failed = render_failed + ?9, canceled = canceled + ?10,
            uncertain = uncertain + ?11, uncertain_ever = uncertain_ever + ?12, resent = resent + ?13
        WHERE id = ?1
        """);

    private (ShardId Shard, int Epoch, bool IsPlain)? _known;

    /// <summary>Whether the shard is being sent from without a rate, under this epoch: read once a transaction, since only the transaction could change it.</summary>
    public bool IsPlain(TakenShard shard)
    {
        if (_known is { } known && known.Shard == shard.Id && known.Epoch == shard.Epoch)
        {
            return known.IsPlain;
        }

        var isPlain = _isPlain.Set(1, shard.Id.Value).Set(2, shard.Broadcast.Value).Set(3, shard.Epoch).Ask() == 1;
        _known = (shard.Id, shard.Epoch, isPlain);
        return isPlain;
    }

    /// <summary>Something else was done in the transaction, or it is another.</summary>
    public void Forget() => _known = null;

    /// <summary>Rule 11 for a row never tried. False, and nothing changed, when the row is not such a one or may not be sent to.</summary>
    public bool Claim(TakenShard shard, AddressId address, long firstAt, long now) => _claim
        .Set(1, shard.Broadcast.Value).Set(2, address.Value).Set(3, shard.Epoch).Set(4, firstAt).Set(5, now).Set(6, shard.Site.Value).Run() == 1;

    /// <summary>False, and nothing changed, when the row is not on its first try.</summary>
    public bool Accept(TakenShard shard, AddressId address, long reply, long now) => _accept
        .Set(1, shard.Broadcast.Value).Set(2, address.Value).Set(3, shard.Epoch).Set(4, now).Set(5, reply).Run() == 1;

    /// <param name="shard">Whose counts.</param>
    /// <param name="byState">What is added, by the number of the state.</param>
    /// <param name="uncertainEver">Likewise.</param>
    /// <param name="resent">Likewise.</param>
    public void Count(ShardId shard, ReadOnlySpan<long> byState, long uncertainEver, long resent)
    {
        _count.Set(1, shard.Value);
        for (var state = 0; state < byState.Length; state++)
        {
            _count.Set(state + 2, byState[state]);
        }

        _count.Set(12, uncertainEver).Set(13, resent).Run();
    }

    public void Dispose()
    {
        _claim.Dispose();
        _accept.Dispose();
        _isPlain.Dispose();
        _count.Dispose();
    }
}
