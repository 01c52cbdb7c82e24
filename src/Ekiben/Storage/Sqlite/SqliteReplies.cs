namespace Ekiben.Storage.Sqlite;

/// <summary>The ids of replies that the ledger's transactions have met: a reply's text is kept once, and for good.</summary>
internal sealed class SqliteReplies
{
    /// <summary>A server that says something else each time must not fill the memory.</summary>
    private const int Most = 1000;

    private readonly Dictionary<SmtpReply, long> _ids = [];
    private SmtpReply? _lastAccepted;
    private long _lastAcceptedId;

    /// <summary>The transaction was rolled back: what it wrote is not there.</summary>
    public void Forget()
    {
        _ids.Clear();
        _lastAccepted = null;
    }

    /// <summary>The id of a reply as it is kept (<see cref="Ledger.Kept"/>), which is written when it is new.</summary>
    public long IdOf(SqliteLedger ledger, SmtpReply kept)
    {
        if (!_ids.TryGetValue(kept, out var id))
        {
            if (_ids.Count == Most)
            {
                _ids.Clear();
            }

            _ids[kept] = id = Find(ledger, kept) ?? Insert(ledger, kept);
        }

        return id;
    }

    /// <summary>The same for a reply that says yes, without an object when it says what the last one said.</summary>
    public long IdOfAccepted(SqliteLedger ledger, SmtpReply reply)
    {
        if (_lastAccepted is not { } last || last.Code != reply.Code || last.Enhanced != reply.Enhanced)
        {
            _lastAcceptedId = IdOf(ledger, Ledger.Kept(reply));
            _lastAccepted = reply;
        }

        return _lastAcceptedId;
    }

    /// <summary>Read first: a write of what is there already would be a page more in every commit.</summary>
    private static long? Find(SqliteLedger ledger, SmtpReply kept)
    {
        var query = ledger.Prepared("SELECT id FROM replies WHERE code = @code AND enhanced = @enhanced AND text = @text");
        query.Set("@code", kept.Code);
        query.Set("@enhanced", kept.Enhanced);
        query.Set("@text", kept.Text);
        return query.ExecuteScalar() as long?;
    }

    private static long Insert(SqliteLedger ledger, SmtpReply kept)
    {
        var insert = ledger.Prepared("INSERT INTO replies (code, enhanced, text) VALUES (@code, @enhanced, @text) RETURNING id");
        insert.Set("@code", kept.Code);
        insert.Set("@enhanced", kept.Enhanced);
        insert.Set("@text", kept.Text);
        return (long)insert.ExecuteScalar()!;
    }
}
