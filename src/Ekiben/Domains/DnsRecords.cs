namespace Ekiben.Domains;

/// <summary>One record to publish.</summary>
/// <param name="Name">The owner, without a dot at the end.</param>
/// <param name="Type"><c>TXT</c> or <c>MX</c>.</param>
/// <param name="Value">The whole text; what it is worth in quotes is <see cref="DnsRecords.ZoneLine"/>'s business.</param>
internal sealed record DnsRecord(string Name, string Type, string Value);

/// <summary>What a sending domain publishes.</summary>
internal static class DnsRecords
{
    /// <summary>Octets of one string in a TXT record (RFC 1035 §3.3); readers put the strings together (RFC 6376 §3.6.2.2).</summary>
    private const int StringOctets = 255;

    /// <summary>The public keys: one record a selector.</summary>
    public static IReadOnlyList<DnsRecord> Dkim(DomainKey key)
    {
        var rsa = new DnsRecord($"{key.Selector}._domainkey.{key.Domain}", "TXT", $"v=DKIM1; k=rsa; p={key.RsaPublicKey}");
        return key.Ed25519PublicKey is { } ed25519
            ? [rsa, new DnsRecord($"{key.Ed25519Selector}._domainkey.{key.Domain}", "TXT", $"v=DKIM1; k=ed25519; p={ed25519}")]
            : [rsa];
    }

    /// <summary>Where receivers send reports to; "none" asks for nothing else. It is enough for the big receivers, and a beginning.</summary>
    public static DnsRecord Dmarc(string domain) => new($"_dmarc.{domain}", "TXT", $"v=DMARC1; p=none; rua=mailto:postmaster@{domain}");

    /// <summary>As it stands in a zone file, a text in as many strings as it needs.</summary>
    public static string ZoneLine(DnsRecord record)
    {
        var strings = record.Value.Chunk(StringOctets).Select(part => $"\"{new string(part)}\"").ToList();
        var value = strings.Count == 1 ? strings[0] : $"( {string.Join(' ', strings)} )";
        return $"{record.Name}. IN {record.Type} {value}";
    }
}
