using System.Collections.Frozen;

namespace Ekiben.Providers;

/// <summary>Who runs a mailbox: one name for the thousands of domains whose mail goes to the same hosts.</summary>
internal static class ProviderNames
{
    /// <summary>The longest name: that of a domain (RFC 1035 §2.3.4).</summary>
    public const int MaxLength = 253;

    /// <summary>By the end of a mail exchanger's name, or of a domain that everybody knows, so that no name server is asked about it.</summary>
    private static readonly FrozenDictionary<string, string> BySuffix = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["google.com"] = "gmail",
        ["googlemail.com"] = "gmail",
        ["gmail.com"] = "gmail",
        ["outlook.com"] = "outlook",
        ["hotmail.com"] = "outlook",
        ["live.com"] = "outlook",
        ["msn.com"] = "outlook",
        ["yahoodns.net"] = "yahoo",
        ["yahoo.com"] = "yahoo",
        ["aol.com"] = "yahoo",
        ["icloud.com"] = "icloud",
        ["me.com"] = "icloud",
        ["mac.com"] = "icloud",
        ["gmx.net"] = "gmx",
        ["gmx.com"] = "gmx",
        ["gmx.de"] = "gmx",
        ["web.de"] = "web.de",
        ["t-online.de"] = "t-online",
        ["kundenserver.de"] = "ionos",
        ["ionos.com"] = "ionos",
        ["messagingengine.com"] = "fastmail",
        ["fastmail.com"] = "fastmail",
        ["protonmail.ch"] = "proton",
        ["proton.me"] = "proton",
        ["mail.ru"] = "mail.ru",
        ["yandex.net"] = "yandex",
        ["yandex.ru"] = "yandex",
        ["zoho.com"] = "zoho",
        ["zoho.eu"] = "zoho",
        ["qq.com"] = "qq",
        ["orange.fr"] = "orange",
        ["free.fr"] = "free",
        ["laposte.net"] = "laposte",
        ["comcast.net"] = "comcast",
        ["ovh.net"] = "ovh",
        ["secureserver.net"] = "godaddy",
        ["mimecast.com"] = "mimecast",
        ["pphosted.com"] = "proofpoint",
        ["ppe-hosted.com"] = "proofpoint",
        ["barracudanetworks.com"] = "barracuda",
        ["messagelabs.com"] = "symantec",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Second labels that are no name of their own under the two letters of a country: <c>co.uk</c>, <c>com.br</c>.</summary>
    private static readonly FrozenSet<string> Registries = FrozenSet.Create(
        StringComparer.Ordinal, "ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "govt", "mil", "ne", "net", "nhs", "or", "org", "sch");

    /// <summary>The provider whose name everybody knows; null for all others.</summary>
    /// <param name="host">A mail exchanger or a domain, in lower case and without a final dot.</param>
    public static string? Known(string host)
    {
        for (var at = 0; at >= 0;)
        {
            if (BySuffix.TryGetValue(at == 0 ? host : host[at..], out var name))
            {
                return name;
            }

            at = host.IndexOf('.', at) is >= 0 and var dot ? dot + 1 : -1;
        }

        return null;
    }

    /// <summary>
    /// The provider behind a mail exchanger: a known one, else what looks like the domain that its owner registered. A guess from the labels, which
    /// is enough here: two domains with one exchanger get one name in any case.
    /// </summary>
    public static string OfExchanger(string host)
    {
        if (Known(host) is { } known)
        {
            return known;
        }

        var labels = host.Split('.');
        var kept = labels.Length > 2 && labels[^1].Length == 2 && Registries.Contains(labels[^2]) ? 3 : 2;
        return labels.Length <= kept ? host : string.Join('.', labels[^kept..]);
    }

    /// <summary>A name as people may write it: what it is kept as, or one sentence why it is none.</summary>
    public static bool TryRead(string? written, out string name, out string problem)
    {
        name = (written ?? "").Trim().TrimEnd('.').ToLowerInvariant();
        if (name.Length is 0 or > MaxLength || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-'))
        {
            problem = "A provider is a name such as gmail or outlook, or a domain such as example.com.";
            return false;
        }

        // Who writes gmail.com means all that Google takes.
        (name, problem) = (Known(name) ?? name, "");
        return true;
    }
}
