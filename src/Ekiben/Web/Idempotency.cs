using System.Security.Cryptography;
using System.Text;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Web;

/// <summary>
/// <c>Idempotency-Key</c> on every POST (docs/api/bento.md): the first answer is stored in the transaction of what it answers; the same key with
/// the same request gets it again, with another request 422. A twin that arrives while the first still runs waits for it.
/// Refusals are not kept: they changed nothing, and the mended request may use the key.
/// </summary>
internal sealed class Idempotency(TimeProvider clock)
{
    public const string Header = "Idempotency-Key";

    public const int MaxKeyLength = 255;

    /// <summary>How long an answer is kept after the later of now and <c>send_at</c>.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    private readonly Lock _lock = new();
    private readonly Dictionary<(SiteId, string), Running> _running = [];

    /// <summary>Waits until no other request with this key runs; dispose what it returns when the answer is complete.</summary>
    public async Task<IDisposable> EnterAsync(SiteId site, string key, CancellationToken cancel)
    {
        Running running;
        lock (_lock)
        {
            if (!_running.TryGetValue((site, key), out running!))
            {
                _running[(site, key)] = running = new Running();
            }

            running.Requests++;
        }

        var turn = new Turn(this, (site, key), running);
        try
        {
            await running.Gate.WaitAsync(cancel);
            turn.Entered = true;
            return turn;
        }
        catch (OperationCanceledException)
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>The answer kept for the key, or the refusal of another request under it; null when the request is new.</summary>
    public async Task<Answer?> FindAsync(Db db, PendingKey pending, ApiStyle style, CancellationToken cancel)
    {
        var kept = await db.IdempotencyKeys.AsNoTracking().FirstOrDefaultAsync(k => k.Key == pending.Key, cancel);
        if (kept is null || kept.ExpiresAt <= clock.GetUtcNow())
        {
            return null;
        }

        return CryptographicOperations.FixedTimeEquals(kept.RequestHash, pending.RequestHash)
            ? Answer.Again(kept.StatusCode, kept.Response)
            : style.Refuse(StatusCodes.Status422UnprocessableEntity, "idempotency_key_reused", $"This {Header} was used for another request.");
    }

    public PendingKey Pending(SiteId site, string key, HttpRequest request, RequestBody body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}\n"));
        hash.AppendData(body.Bytes.Span);
        return new PendingKey(site, key, hash.GetHashAndReset(), clock.GetUtcNow());
    }

    private void Leave((SiteId, string) key, Running running, bool entered)
    {
        lock (_lock)
        {
            if (entered)
            {
                running.Gate.Release();
            }

            if (--running.Requests == 0)
            {
                _running.Remove(key);
                running.Gate.Dispose();
            }
        }
    }

    private sealed class Running
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public int Requests { get; set; }
    }

    private sealed class Turn(Idempotency owner, (SiteId, string) key, Running running) : IDisposable
    {
        public bool Entered { get; set; }

        public void Dispose() => owner.Leave(key, running, Entered);
    }
}

/// <summary>A request's key and what it was used for, until its answer is kept.</summary>
internal sealed class PendingKey(SiteId site, string key, byte[] requestHash, DateTimeOffset now)
{
    public string Key => key;

    public byte[] RequestHash => requestHash;

    public bool IsKept { get; private set; }

    /// <summary>Adds the answer to what <paramref name="db"/> saves next, and drops what is kept no longer.</summary>
    public void Keep(Db db, Answer answer)
    {
        db.IdempotencyKeys.Where(k => k.ExpiresAt <= now).ExecuteDelete();
        var until = answer.KeepUntil is { } later && later > now ? later : now;
        db.IdempotencyKeys.Add(new IdempotencyKey
        {
            SiteId = site,
            Key = key,
            RequestHash = requestHash,
            StatusCode = answer.Status,
            Response = Encoding.UTF8.GetString(answer.Body),
            ExpiresAt = until + Idempotency.Kept,
        });
        IsKept = true;
    }
}
