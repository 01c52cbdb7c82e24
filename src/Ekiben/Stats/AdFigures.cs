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
/// Where people came from and what they bought, by <c>utm_source</c>, <c>utm_campaign</c>, …: a purchase by the one in its own details; else, as people are, by
/// their field, else by the first event of theirs whose details have one. Who has none is not counted: no advertisement brought them that anybody knows of.
/// </summary>
internal sealed class AdFigures(Db db, TimeZoneInfo zone)
{
    /// <summary>People, and purchases, looked at for one answer.</summary>
    private const int MaxRows = 200_000;

    /// <summary>Values, and days, in one answer.</summary>
    private const int MaxGroups = 1000;

    private readonly Dictionary<string, Sums> _byValue = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Sums> _byDay = new(StringComparer.Ordinal);
    private readonly Sums _totals = new();

    /// <summary>What the first event that has one says, of people without the field.</summary>
    private readonly Dictionary<SubscriberId, string> _byEvent = [];

    /// <summary>Rows are streamed into sums: in memory are the sums of each value and day, and who bought.</summary>
    public async Task<AdResult> ReadAsync(string dimension, string? only, Period period, string mode, CancellationToken cancel)
    {
        var field = "utm_" + dimension;
        var quoted = "\"" + field + "\"";
        var marked = db.Subscribers.Where(person =>
            person.Fields.Contains(quoted) || db.Events.Any(happened => happened.SubscriberId == person.Id && happened.Details.Contains(quoted)));
        var truncated = await ReadEventsAsync(quoted, field, cancel);
        truncated |= await AddSignupsAsync(marked, field, only, period, cancel);
        if (mode != "subscriptions")
        {
            truncated |= await AddPurchasesAsync(marked, field, only, period, mode == "first_revenue", cancel);
        }

        return new AdResult(
            _totals.ToRow(""),
            [.. _byValue.Select(one => one.Value.ToRow(one.Key))
                .OrderByDescending(row => row.Signups).ThenByDescending(row => row.Cents).ThenBy(row => row.Key, StringComparer.Ordinal).Take(MaxGroups)],
            [.. _byDay.Select(one => one.Value.ToRow(one.Key)).OrderBy(row => row.Key, StringComparer.Ordinal).TakeLast(MaxGroups)],
            truncated || _byValue.Count > MaxGroups || _byDay.Count > MaxGroups);
    }

    private async Task<bool> ReadEventsAsync(string quoted, string field, CancellationToken cancel)
    {
        var rows = (
            from happened in db.Events
            join person in db.Subscribers on happened.SubscriberId equals person.Id
            where happened.Details.Contains(quoted) && !person.Fields.Contains(quoted)
            orderby happened.At, happened.Id
            select new { person.Id, happened.Details }).Take(MaxRows + 1);
        var seen = 0;
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancel))
        {
            seen++;
            if (ValueOf(row.Details, field) is { } value)
            {
                _byEvent.TryAdd(row.Id, value);
            }
        }

        return seen > MaxRows;
    }

    private async Task<bool> AddSignupsAsync(IQueryable<Subscribers.Subscriber> marked, string field, string? only, Period period, CancellationToken cancel)
    {
        var people = marked.Where(person => person.CreatedAt >= period.From && person.CreatedAt < period.Until)
            .OrderBy(person => person.Id).Take(MaxRows + 1).Select(person => new { person.Id, person.Fields, person.CreatedAt });
        var seen = 0;
        await foreach (var person in people.AsAsyncEnumerable().WithCancellation(cancel))
        {
            seen++;
            if (SourceOf(person.Id, person.Fields, field) is { } value && (only is null || value == only))
            {
                foreach (var sums in SumsOf(value, person.CreatedAt))
                {
                    sums.Signups++;
                }
            }
        }

        return seen > MaxRows;
    }

    private async Task<bool> AddPurchasesAsync(
        IQueryable<Subscribers.Subscriber> marked, string field, string? only, Period period, bool firstOnly, CancellationToken cancel)
    {
        var rows = (
            from happened in db.Events
            join person in marked on happened.SubscriberId equals person.Id
            where happened.Type == EventTypes.Purchase && happened.Amount != null && happened.At < period.Until
            orderby happened.At, happened.Id
            select new { person.Id, person.Fields, happened.Details, happened.At, happened.Amount, happened.Currency }).Take(MaxRows + 1);
        var bought = new HashSet<SubscriberId>();
        var seen = 0;
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancel))
        {
            seen++;

            // The first one ever: an earlier one outside the period makes a later one no first.
            var isFirst = bought.Add(row.Id);
            if (row.At >= period.From && (isFirst || !firstOnly)
                && (ValueOf(row.Details, field) ?? SourceOf(row.Id, row.Fields, field)) is { } value && (only is null || value == only))
            {
                foreach (var sums in SumsOf(value, row.At))
                {
                    sums.Add(row.Id, row.Currency!, row.Amount!.Value);
                }
            }
        }

        return seen > MaxRows;
    }

    private IEnumerable<Sums> SumsOf(string value, DateTimeOffset at) => [_totals, Of(_byValue, value), Of(_byDay, Day(at))];

    private static Sums Of(Dictionary<string, Sums> groups, string key)
    {
        if (!groups.TryGetValue(key, out var sums))
        {
            groups[key] = sums = new Sums();
        }

        return sums;
    }

    private string? SourceOf(SubscriberId person, string fields, string field) => ValueOf(fields, field) ?? _byEvent.GetValueOrDefault(person);

    private static string? ValueOf(string fields, string name)
    {
        using var document = JsonDocument.Parse(fields);
        return document.RootElement.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number && value.ToString() is { Length: > 0 } text
            ? text
            : null;
    }

    private string Day(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private sealed class Sums
    {
        private readonly HashSet<SubscriberId> _customers = [];
        private readonly Dictionary<string, long> _byCurrency = new(StringComparer.Ordinal);

        public long Signups { get; set; }

        /// <summary>Sums that no bank has stay at the largest number.</summary>
        public void Add(SubscriberId person, string currency, long cents)
        {
            _customers.Add(person);
            var sum = (Int128)_byCurrency.GetValueOrDefault(currency) + cents;
            _byCurrency[currency] = (long)Int128.Clamp(sum, long.MinValue, long.MaxValue);
        }

        public AdRow ToRow(string key)
        {
            var (currency, cents) = _byCurrency.Count == 0 ? ("USD", 0L) : _byCurrency.OrderByDescending(sum => sum.Value).Select(sum => (sum.Key, sum.Value)).First();
            return new AdRow(key, Signups, _customers.Count, cents, currency, _byCurrency);
        }
    }
}
