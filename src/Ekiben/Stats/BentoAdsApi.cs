using System.Text.Json.Serialization;
using Ekiben.Web;

namespace Ekiben.Stats;

/// <summary>Bento's figures of advertisements, whose answer alone is in camel case.</summary>
internal static class BentoAdsApi
{
    private static readonly Dictionary<string, string> Dimensions = new(StringComparer.Ordinal)
    {
        ["source"] = "Source", ["campaign"] = "Campaign", ["medium"] = "Medium", ["content"] = "Content", ["ad"] = "Ad",
    };

    private static readonly Dictionary<string, string> Modes = new(StringComparer.Ordinal)
    {
        ["all_revenue"] = "All revenue", ["first_revenue"] = "First revenue", ["subscriptions"] = "Subscriptions",
    };

    public static void MapBentoAds(this RouteGroupBuilder bento) =>
        bento.Map("GET", "/stats/ads", ShowAsync).WithTags("Bento: figures").Describe("What advertisements brought", typeof(Shown), query:
        [
            new("dimension", "source when absent") { OneOf = [.. Dimensions.Keys] },
            new("value", "one value of it only"),
            new("start_date", "2026-11-24, or words such as last week"),
            new("end_date", "2026-11-24, or words such as yesterday"),
            new("revenue_mode", "all_revenue when absent") { OneOf = [.. Modes.Keys] },
        ]);

    private static async Task<Answer> ShowAsync(ApiRequest request)
    {
        var dimension = request.Query("dimension") ?? "source";
        var mode = request.Query("revenue_mode") ?? "all_revenue";
        if (!Dimensions.TryGetValue(dimension, out var label) || !Modes.TryGetValue(mode, out var modeLabel))
        {
            return request.BadRequest($"dimension must be one of {string.Join(", ", Dimensions.Keys)}, and revenue_mode one of {string.Join(", ", Modes.Keys)}.");
        }

        var zone = TimeZoneInfo.TryFindSystemTimeZoneById(request.Site.TimeZone, out var found) ? found : TimeZoneInfo.Utc;
        if (!Period.TryParse(request.Query("start_date"), request.Query("end_date"), zone, request.Service<TimeProvider>().GetUtcNow(), out var period, isStrict: request.Site.IsStrict))
        {
            return request.BadRequest("start_date and end_date must be days such as 2026-11-24, or words such as last week.");
        }

        var figures = await new AdFigures(request.Db, zone).ReadAsync(dimension, request.Query("value"), period, mode, request.Cancel);
        return Answer.Ok(new Shown
        {
            Dimension = dimension,
            DimensionLabel = label,
            Attribution = new("field", $"utm_{dimension} of the purchase, of the person's fields or of the first event that has one", 0, null, true),
            RevenueMode = new(mode, modeLabel, mode == "subscriptions" ? "There are no subscriptions here." : "What $purchase events say."),
            Totals = new(
                figures.Totals.Signups, figures.Totals.Customers, figures.Totals.Cents, figures.Totals.Currency, figures.Totals.ByCurrency,
                figures.Totals.Customers, figures.Totals.CustomerRate, figures.Rows.Count == 0 ? null : figures.Rows[0].Key),
            ChartData = [.. figures.Days.Select(day => new Day(day.Key, day.Signups, day.Customers, day.Cents))],
            Breakdown = [.. figures.Rows.Select(row => new Row(
                row.Key, row.Key, row.Signups, row.Customers, row.CustomerRate, row.Cents, row.Currency, row.ByCurrency, row.Signups == 0 ? 0 : row.Cents / row.Signups))],
            RevenueTruncated = figures.Truncated,
        });
    }

    private sealed record Shown
    {
        [JsonPropertyName("dimension")]
        public required string Dimension { get; init; }

        [JsonPropertyName("dimensionLabel")]
        public required string DimensionLabel { get; init; }

        [JsonPropertyName("attribution")]
        public required Attribution Attribution { get; init; }

        [JsonPropertyName("revenueMode")]
        public required RevenueMode RevenueMode { get; init; }

        [JsonPropertyName("totals")]
        public required Totals Totals { get; init; }

        [JsonPropertyName("chartData")]
        public required IReadOnlyList<Day> ChartData { get; init; }

        [JsonPropertyName("breakdown")]
        public required IReadOnlyList<Row> Breakdown { get; init; }

        [JsonPropertyName("revenueTruncated")]
        public required bool RevenueTruncated { get; init; }
    }

    private sealed record Attribution(
        [property: JsonPropertyName("mode")] string Mode, [property: JsonPropertyName("modeLabel")] string ModeLabel,
        [property: JsonPropertyName("windowDays")] int WindowDays, [property: JsonPropertyName("settingsPath")] string? SettingsPath,
        [property: JsonPropertyName("appliesToAdRevenue")] bool AppliesToAdRevenue);

    private sealed record RevenueMode(
        [property: JsonPropertyName("mode")] string Mode, [property: JsonPropertyName("label")] string Label, [property: JsonPropertyName("description")] string Description);

    private sealed record Totals(
        [property: JsonPropertyName("signups")] long Signups, [property: JsonPropertyName("customers")] long Customers,
        [property: JsonPropertyName("revenueCents")] long RevenueCents, [property: JsonPropertyName("revenueCurrency")] string RevenueCurrency,
        [property: JsonPropertyName("revenueByCurrency")] IReadOnlyDictionary<string, long> RevenueByCurrency,
        [property: JsonPropertyName("revenueVisitorCount")] long RevenueVisitorCount, [property: JsonPropertyName("customerRate")] double CustomerRate,
        [property: JsonPropertyName("topSource")] string? TopSource);

    private sealed record Day(
        [property: JsonPropertyName("x")] string X, [property: JsonPropertyName("signups")] long Signups,
        [property: JsonPropertyName("customers")] long Customers, [property: JsonPropertyName("revenue")] long Revenue);

    private sealed record Row(
        [property: JsonPropertyName("key")] string Key, [property: JsonPropertyName("label")] string Label,
        [property: JsonPropertyName("signups")] long Signups, [property: JsonPropertyName("customers")] long Customers,
        [property: JsonPropertyName("customerRate")] double CustomerRate, [property: JsonPropertyName("revenueCents")] long RevenueCents,
        [property: JsonPropertyName("revenueCurrency")] string RevenueCurrency,
        [property: JsonPropertyName("revenueByCurrency")] IReadOnlyDictionary<string, long> RevenueByCurrency,
        [property: JsonPropertyName("revenuePerSignupCents")] long RevenuePerSignupCents);
}
