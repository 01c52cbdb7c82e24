using Ekiben.Domains;
using Ekiben.Sites;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary>What <c>ekiben domain</c> prints.</summary>
internal static class DomainOutput
{
    /// <summary>The records of one domain's keys, as lines of a zone file with comments; or JSON.</summary>
    /// <param name="keys">Of one domain, the newest first.</param>
    /// <param name="json">For programs.</param>
    public static void Records(IReadOnlyList<DomainKey> keys, bool json)
    {
        var (domain, signing) = (keys[0].Domain, DomainActions.Signing(keys));
        var dmarc = DnsRecords.Dmarc(domain);
        if (json)
        {
            Console.Out.WriteLine(CommandOutput.Json(new
            {
                Domain = domain,
                Keys = keys.Select(key => new { key.Selector, State = State(key, signing), key.CreatedAt, key.CheckedAt, key.CheckResult, Records = DnsRecords.Dkim(key) }),
                Suggested = (DnsRecord[])[dmarc],
            }));
            return;
        }

        foreach (var key in keys)
        {
            Console.Out.WriteLine($"; DKIM, selector {key.Selector}: {State(key, signing)}");
            foreach (var record in DnsRecords.Dkim(key))
            {
                Console.Out.WriteLine(DnsRecords.ZoneLine(record));
            }
        }

        Console.Out.WriteLine("; DMARC, where the domain has none yet");
        Console.Out.WriteLine(DnsRecords.ZoneLine(dmarc));
        Console.Out.WriteLine("; SPF: one text for the domain, with what your relay asks you to put there, such as");
        Console.Out.WriteLine($";   {domain}. IN TXT \"v=spf1 include:spf.relay.example ~all\"");
        Console.Out.WriteLine($"; Return path: what cannot be delivered comes back to the sender's own address, so {domain} needs an MX that takes it");
    }

    /// <summary>A line for each record that was looked up; or JSON.</summary>
    public static void Verdicts(IReadOnlyList<RecordVerdict> verdicts, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(CommandOutput.Json(verdicts.Select(v => new { v.Name, v.What, State = Word(v.State), Reason = v.Sentence })));
            return;
        }

        foreach (var verdict in verdicts)
        {
            Console.Out.WriteLine($"{Word(verdict.State),-7}  {verdict.What}  {verdict.Name}: {verdict.Sentence}");
        }
    }

    /// <summary>A line for each key; or JSON.</summary>
    public static async Task ListAsync(DataFolder folder, Site? only, bool json, CancellationToken cancel)
    {
        await using var db = folder.Database.OpenEverySite();
        var sites = await db.Sites.AsNoTracking().ToDictionaryAsync(s => s.Id, cancel);
        var keys = (await db.DomainKeys.AsNoTracking().OrderBy(k => k.Domain).ThenByDescending(k => k.Id).ToListAsync(cancel))
            .Where(k => only is null || k.SiteId == only.Id).ToList();
        var lines = keys.GroupBy(k => (k.SiteId, k.Domain)).SelectMany(group => group.Select(key => new
        {
            key.Domain,
            key.Selector,
            Ed25519 = key.Ed25519PublicKey is not null,
            State = State(key, sites[key.SiteId].RelaySigns ? null : DomainActions.Signing(group)),
            Site = sites[key.SiteId].Name,
            SiteUuid = sites[key.SiteId].Uuid,
            key.CheckedAt,
            key.CheckResult,
        })).ToList();
        if (json)
        {
            Console.Out.WriteLine(CommandOutput.Json(lines));
            return;
        }

        foreach (var line in lines)
        {
            Console.Out.WriteLine($"{line.Domain}  {line.Selector}  {line.State}  {line.Site}  {(line.CheckedAt is { } at ? $"checked {at:yyyy-MM-dd HH:mm}: {line.CheckResult}" : "not checked")}");
        }
    }

    private static string State(DomainKey key, DomainKey? signing) =>
        key.Id == signing?.Id ? "signs" : key.ActiveAt is null ? "waits for its record" : signing is null ? "the relay signs" : "replaced";

    private static string Word(RecordState state) => state.ToString().ToLowerInvariant();
}
