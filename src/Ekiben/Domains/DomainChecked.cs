using System.Text.Json;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Domains;

/// <summary>What the last check of a sending domain found, one row a domain: DKIM, SPF, DMARC and the way back.</summary>
internal sealed class DomainChecked : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>As <see cref="DomainKey.Domain"/>.</summary>
    public required string Domain { get; set; }

    public DateTimeOffset CheckedAt { get; set; }

    /// <summary>A list of <see cref="RecordVerdict"/> as JSON.</summary>
    public required string Verdicts { get; set; }

    public IReadOnlyList<RecordVerdict> Read() => JsonSerializer.Deserialize<IReadOnlyList<RecordVerdict>>(Verdicts, ApiJson.Options) ?? [];

    public static string Write(IReadOnlyList<RecordVerdict> verdicts) => JsonSerializer.Serialize(verdicts, ApiJson.Options);
}
