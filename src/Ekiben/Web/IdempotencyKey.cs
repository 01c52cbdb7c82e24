using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Web;

/// <summary>A kept answer: the same key with the same body gets it again (docs/api/bento.md).</summary>
internal sealed class IdempotencyKey : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>What the client sent in <c>Idempotency-Key</c>, at most 255 characters.</summary>
    public required string Key { get; set; }

    /// <summary>SHA-256 of the method, the path and the raw body.</summary>
    public required byte[] RequestHash { get; set; }

    public int StatusCode { get; set; }

    public required string Response { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }
}
