using System.Globalization;
using System.Text.Json;
using Ekiben.Events;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Stats;

/// <summary>Signups and money of one value of a dimension, or of one day. Cents are of <paramref name="Currency"/>, the one with most of it.</summary>
internal sealed record AdRow(string Key, long Signups, long Customers, long Cents, string Currency, IReadOnlyDictionary<string, long> ByCurrency)
{
    /// <summary>Customers in percent of signups, one decimal.</summary>
    public double CustomerRate => Signups == 0 ? 0 : Math.Round(100.0 * Customers / Signups, 1);
}

/// <summary>All of it. <paramref name="Truncated"/>: there were more people or purchases than are looked at.</summary>
internal sealed record AdResult(AdRow Totals, IReadOnlyList<AdRow> Rows, IReadOnlyList<AdRow> Days, bool Truncated);

/// <summary>
/// Where people came from, as their fields <c>utm_source</c>, <c>utm_campaign</c>, … say, and what they bought. People without such a field are
/// not counted: no advertisement brought them that anybody knows of.
/// </summary>
internal sealed class AdFigures(Db db, TimeZoneInfo zone)
{
    /// <summary>People, and purchases, looked at for one answer.</summary>
    private const int MaxRows = 200_000;

    public async Task<AdResult> ReadAsync(string dimension, string? only, Period period, string mode, CancellationToken cancel)
    {
        var field = "utm_" + dimension;
        var marked = db.Subscribers.Where(person => person.Fields.Contains("\"" + field + "\""));
        var people = await marked.Where(person => person.CreatedAt >= period.From && person.CreatedAt < period.Until)
            .OrderBy(person => person.Id).Take(MaxRows + 1).Select(person => new { person.Fields, person.CreatedAt }).ToListAsync(cancel);
        var signups = new List<Signup>();
        foreach (var person in people)
        {
            if (ValueOf(person.Fields, field) is { } value && (only is null || value == only))
            {
                signups.Add(new Signup(value, person.CreatedAt));
            }
        }

        var (purchases, truncated) = mode == "subscriptions" ? ([], false) : await PurchasesAsync(marked, field, only, period, mode == "first_revenue", cancel);
        return new AdResult(
            Row("", signups, purchases),
            [.. Rows(signups.ToLookup(one => one.Value), purchases.ToLookup(one => one.Value))
                .OrderByDescending(row => row.Signups).ThenByDescending(row => row.Cents).ThenBy(row => row.Key, StringComparer.Ordinal)],
            [.. Rows(signups.ToLookup(one => Day(one.At)), purchases.ToLookup(one => Day(one.At))).OrderBy(row => row.Key, StringComparer.Ordinal)],
            truncated || people.Count > MaxRows);
    }

    private static IEnumerable<AdRow> Rows(ILookup<string, Signup> signups, ILookup<string, Purchase> purchases) =>
        signups.Select(group => group.Key).Union(purchases.Select(group => group.Key)).Select(key => Row(key, signups[key], purchases[key]));

    private async Task<(List<Purchase> Purchases, bool Truncated)> PurchasesAsync(
        IQueryable<Subscribers.Subscriber> marked, string field, string? only, Period period, bool firstOnly, CancellationToken cancel)
    {
        var rows = await (
            from happened in db.Events
            join person in marked on happened.SubscriberId equals person.Id
            where happened.Type == EventTypes.Purchase && happened.Amount != null && happened.At < period.Until
            orderby happened.At, happened.Id
            select new { person.Id, person.Fields, happened.At, happened.Amount, happened.Currency }).Take(MaxRows + 1).ToListAsync(cancel);
        var bought = new HashSet<SubscriberId>();
        var purchases = new List<Purchase>();
        foreach (var row in rows)
        {
            // The first one ever: an earlier one outside the period makes a later one no first.
            var isFirst = bought.Add(row.Id);
            if (row.At >= period.From && (isFirst || !firstOnly) && ValueOf(row.Fields, field) is { } value && (only is null || value == only))
            {
                purchases.Add(new Purchase(row.Id, value, row.At, row.Amount!.Value, row.Currency!));
            }
        }

        return (purchases, rows.Count > MaxRows);
    }

    private static AdRow Row(string key, IEnumerable<Signup> signups, IEnumerable<Purchase> purchases)
    {
        var bought = purchases.ToList();
        var byCurrency = bought.GroupBy(one => one.Currency).ToDictionary(group => group.Key, group => group.Sum(one => one.Cents), StringComparer.Ordinal);
        var (currency, cents) = byCurrency.Count == 0 ? ("USD", 0L) : byCurrency.OrderByDescending(sum => sum.Value).Select(sum => (sum.Key, sum.Value)).First();
        return new AdRow(key, signups.LongCount(), bought.Select(one => one.Person).Distinct().LongCount(), cents, currency, byCurrency);
    }

    private static string? ValueOf(string fields, string name)
    {
        using var document = JsonDocument.Parse(fields);
        return document.RootElement.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number && value.ToString() is { Length: > 0 } text
            ? text
            : null;
    }

    private string Day(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private sealed record Signup(string Value, DateTimeOffset At);

    private sealed record Purchase(SubscriberId Person, string Value, DateTimeOffset At, long Cents, string Currency);
}
