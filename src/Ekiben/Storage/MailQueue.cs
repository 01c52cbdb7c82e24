using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Mails;
using Ekiben.Sites;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>
/// Puts mails to one person into the ledger, in the transaction of whoever asks for them (docs/ledger.md rule 25): a row of <c>mails</c>, a row of
/// <c>recipients</c> under the site's stream, and one more pending in its shard. SQL that both databases read.
/// </summary>
internal static class MailQueue
{
    /// <summary>Ids of mails that one shard spans. A shard is closed for good when its mails came to an end, so what is read is what is recent.</summary>
    private const long ShardSpan = SendQueue.ShardSize;

    /// <summary>Adds the mails inside the transaction that <paramref name="db"/> has open, in their order; their ids are set then.</summary>
    public static async Task AddAsync(Db db, Site site, IReadOnlyList<SingleMail> mails, DateTimeOffset now, CancellationToken cancel)
    {
        var transaction = (db.Database.CurrentTransaction ?? throw new InvalidOperationException("mails need an open transaction")).GetDbTransaction();
        var stream = await FindStreamAsync(db, site, now, cancel);
        foreach (var mail in mails)
        {
            // One by one: the order of their ids is the order in which they go out.
            db.Mails.Add(mail);
            await db.SaveChangesAsync(cancel);
            await RunAsync(
                transaction, "INSERT INTO recipients (broadcast_id, address_id, subscriber_id) VALUES (@stream, @mail, @person)", cancel,
                ("@stream", stream.Value), ("@mail", mail.Id), ("@person", mail.SubscriberId.Value));
            var counted = await RunAsync(
                transaction, "UPDATE shards SET pending = pending + 1 WHERE broadcast_id = @stream AND @mail BETWEEN first_address AND last_address", cancel,
                ("@stream", stream.Value), ("@mail", mail.Id));
            if (counted == 0)
            {
                await RunAsync(
                    transaction, """
                    INSERT INTO shards (broadcast_id, number, first_address, last_address, pending)
                    VALUES (@stream, (SELECT COALESCE(MAX(number), -1) + 1 FROM shards WHERE broadcast_id = @stream), @mail, @last, 1)
                    """, cancel,
                    ("@stream", stream.Value), ("@mail", mail.Id), ("@last", mail.Id + ShardSpan - 1));
            }
        }
    }

    /// <summary>The content's id; one that is equal is used again.</summary>
    public static async Task<long> KeepAsync(Db db, ContentDraft draft, SiteId site, CancellationToken cancel)
    {
        var digest = draft.Digest;
        if (await db.MailContents.Where(content => content.Digest == digest).Select(content => (long?)content.Id).FirstOrDefaultAsync(cancel) is { } known)
        {
            return known;
        }

        var row = draft.ToRow(site);
        db.MailContents.Add(row);
        await db.SaveChangesAsync(cancel);
        return row.Id;
    }

    /// <summary>The site's stream, made with its first mail.</summary>
    private static async Task<BroadcastId> FindStreamAsync(Db db, Site site, DateTimeOffset now, CancellationToken cancel)
    {
        if (await db.Streams.Where(stream => stream.SiteId == site.Id).Select(stream => (BroadcastId?)stream.Id).FirstOrDefaultAsync(cancel) is { } known)
        {
            return known;
        }

        var made = new Broadcast
        {
            SiteId = site.Id,
            IsStream = true,
            Name = "Mails to one person",
            Subject = "",
            Content = "",
            Type = "raw",
            FromEmail = "",
            FromName = "",
            Status = BroadcastStatus.Sending,
            CreatedBy = "ekiben",
            CreatedAt = now,
            UpdatedAt = now,
            StartedAt = now,
            FrozenAt = now,
        };
        db.Add(made);
        await db.SaveChangesAsync(cancel);
        return made.Id;
    }

    private static async Task<int> RunAsync(DbTransaction transaction, string sql, CancellationToken cancel, params (string Name, long Value)[] parameters)
    {
        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Set(name, value);
        }

        return await command.ExecuteNonQueryAsync(cancel);
    }
}
