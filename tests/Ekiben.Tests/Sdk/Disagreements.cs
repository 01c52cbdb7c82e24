using Shown = (string What, System.Func<Ekiben.Tests.Sdk.RecordedExchange, bool> Is);

namespace Ekiben.Tests.Sdk;

/// <summary>
/// The 33 matters on which Bento's documents and SDKs disagree, and what a recorded exchange must send, and read, for each to be shown. All lines of an
/// exchange are compared with a server's answer (<see cref="RecordedExchangesTests"/>), so what is found here holds there.
/// </summary>
internal static class Disagreements
{
    /// <summary>No request can show how many there may be in a minute, nor a fault within one client: <c>Exchanges/README.md</c> says why.</summary>
    public static readonly int[] NotShown = [30, 31];

    public static readonly IReadOnlyDictionary<int, Shown[]> All = new Dictionary<int, Shown[]>
    {
        [1] =
        [
            ("site_uuid in the query", e => Sites(e.Path) == 1 && e.Body is not null),
            ("in the body", e => Sites(e.Path) == 0 && e.Sends("\"site_uuid\":\"{site}\"")),
            ("twice", e => Sites(e.Path) == 2),
            ("behind a second question mark", e => e.Path.Split('?').Length == 3),
            ("nowhere", e => Sites(e.Path) == 0 && !e.Sends("site_uuid") && e.Status == 200),
        ],
        [2] =
        [
            ("counts", e => e.IsOf("POST batch/broadcasts") && e.Reads("results = ") && e.Reads("failed = ")),
            ("broadcasts and failures", e => e.IsOf("POST batch/broadcasts") && e.Reads("broadcasts.0.id number") && e.Reads("failures ")),
            ("records", e => e.IsOf("POST batch/broadcasts") && e.Reads("data.0.id string")),
        ],
        [3] = [("data", e => Lists(e) && e.Reads("data.0.")), ("broadcasts", e => Lists(e) && e.Reads("broadcasts.0."))],
        [4] =
        [
            .. ((string[])["plain", "fancy", "layout", "raw", "html", "markdown"]).Select(
                type => (Shown)("sends " + type, e => e.IsOf("POST batch/broadcasts") && e.Status == 200 && e.Sends($"\"type\":\"{type}\""))),
            ("fancy and layout are raw in the flat list", e => Lists(e) && e.Reads("broadcasts.1.type = \"raw\"") && e.Reads("broadcasts.2.type = \"raw\"")),
            ("keeps fancy", e => e.Reads("data.1.attributes.type = \"fancy\"")),
            ("keeps layout", e => e.Reads("data.2.attributes.type = \"layout\"")),
        ],
        [5] =
        [
            ("open_rate", e => Lists(e) && e.Reads("data.0.attributes.stats.open_rate number")),
            ("counts", e => Lists(e) && e.Reads("data.0.attributes.stats.total_opens number") && e.Reads("data.0.attributes.stats.total_clicks number")),
            ("recipients", e => Lists(e) && e.Reads("data.0.attributes.stats.recipients number")),
        ],
        [6] =
        [
            ("results and failed", e => Commands(e) && e.Reads("results = ") && e.Reads("failed = 0")),
            ("data", e => Commands(e) && e.Reads("data.attributes.")),
            ("the record at the top", e => Commands(e) && e.Reads("attributes.")),
        ],
        [7] =
        [
            ("one command", e => Commands(e) && e.Sends("\"command\":{")),
            ("a list of commands", e => Commands(e) && e.Sends("\"command\":[")),
            ("one event", e => e.IsOf("POST batch/events") && e.Sends("\"events\":{\"type\"")),
            ("a list of events", e => e.IsOf("POST batch/events") && e.Sends("\"events\":[")),
            ("events by numbers", e => e.IsOf("POST tracking/events") && e.Sends("\"events\":{\"0\":{") && e.Reads("results = 2")),
        ],
        [8] = [("both names", e => e.IsOf("POST batch/subscribers") && e.Reads("results = 1") && e.Reads("result = 1"))],
        [9] =
        [
            .. ((string[])["batch/subscribers", "batch/events", "batch/emails", "batch/broadcasts", "fetch/commands"]).Select(
                path => (Shown)(path, e => e.IsOf("POST " + path) && e.Reads("failed = 0"))),
        ],
        [10] =
        [
            ("data", e => e.IsOf("GET fetch/subscribers") && e.Reads("data.attributes.")),
            ("the record itself", e => e.IsOf("GET fetch/subscribers") && e.Reads("attributes.") && e.Reads("id string")),
        ],
        [11] =
        [
            ("a text with commas and blanks", e => e.Sends("\"tags\":\"lead, vip, \"")),
            ("a list", e => e.Sends("\"tags\":[\"lead\",\"vip\"]")),
            ("both tags are there", e => e.Client == "python" && e.Reads("data.attributes.cached_tag_ids.1 ")),
            ("both tags are there, of a list", e => e.Client == "go" && e.Reads("data.attributes.cached_tag_ids.1 ")),
        ],
        [12] =
        [
            ("flat", e => e.Client == "python" && e.Sends("\"plan\":\"pro\"")),
            ("flat, and is kept", e => e.Client == "python" && e.Reads("data.attributes.fields.plan = ")),
            ("under fields", e => e.Client == "go" && e.Sends("\"fields\":{\"plan\":\"pro\"")),
            ("under fields, and is kept", e => e.Client == "go" && e.Reads("data.attributes.fields.plan = ")),
            ("an empty list", e => e.Sends("\"fields\":[]") && e.Status == 200),
            ("null", e => e.Sends("\"fields\":null") && e.Status == 200),
        ],
        [13] =
        [
            ("an object", e => Commands(e) && e.Sends("\"query\":{\"key\":\"city\"") && e.Reads("data.attributes.fields.city = ")),
            ("JSON in a text", e => Commands(e) && e.Sends("\"query\":\"{\\\"key\\\":\\\"city\\\"") && e.Reads("data.attributes.fields.city = ")),
        ],
        [14] =
        [
            ("60", e => e.IsOf("POST batch/emails") && e.Sends("[60 * ") && e.Reads("results = 60")),
            ("100", e => e.IsOf("POST batch/emails") && e.Sends("[100 * ") && e.Reads("results = 100")),
            ("101 are too many", e => e.IsOf("POST batch/emails") && e.Sends("[101 * ") && e.Status == 400),
        ],
        [15] =
        [
            ("1000", e => e.IsOf("POST batch/events") && e.Sends("[1000 * ") && e.Reads("results = 1000")),
            ("1001 are too many", e => e.IsOf("POST batch/events") && e.Sends("[1001 * ") && e.Status == 400),
        ],
        [16] = [("at the top", e => e.IsOf("GET stats/report") && e.Reads("report_name ")), ("in report_data", e => e.IsOf("GET stats/report") && e.Reads("report_data."))],
        [17] =
        [
            ("without .json", e => e.IsOf("GET experimental/blacklist") && e.Reads("results ")),
            ("with .json", e => e.IsOf("GET experimental/blacklist.json") && e.Reads("results.")),
            ("by POST", e => e.IsOf("POST experimental/blacklist") && e.Reads("results ")),
            ("an ip", e => e.Path.Contains("?ip=", StringComparison.Ordinal) && e.Reads("query = ")),
            ("an ip_address", e => e.Path.Contains("ip_address=", StringComparison.Ordinal) && e.Reads("query = ")),
            ("a list for .NET", e => e.Client == "dotnet" && e.Reads("0.query = ")),
        ],
        [18] = [("moderation", e => e.IsOf("POST experimental/moderation") && e.Reads("valid ")), ("content_moderation", e => e.IsOf("POST experimental/content_moderation") && e.Reads("valid "))],
        [19] =
        [
            ("a segment in the path", e => e.IsOf("GET stats/segments/:id") && e.Reads("user_count ")),
            ("a segment in the query", e => e.IsOf("GET stats/segment") && e.Reads("user_count ")),
            ("a report in the path", e => e.IsOf("GET stats/reports/:id") && e.Reads("report_data.")),
            ("a report in the query", e => e.IsOf("GET stats/report") && e.Reads("report_data.")),
        ],
        [20] =
        [
            ("the name in the body, the id in the path", e => e.IsOf("DELETE fetch/tags/:id") && e.Sends("\"name\"") && e.Reads("message = ")),
            ("only the name", e => e.IsOf("DELETE fetch/tags") && e.Sends("\"name\"") && e.Reads("message = ")),
            ("only the id", e => e.IsOf("DELETE fetch/tags/:id") && e.Body is null && e.Reads("data.attributes.discarded_at null")),
        ],
        [21] =
        [
            ("by POST", e => e.IsOf("POST fetch/search") && e.Reads("data.0.")),
            ("by GET with a query", e => e.IsOf("GET fetch/search") && e.Body is null && e.Reads("data.0.")),
            ("by GET with a body", e => e.IsOf("GET fetch/search") && e.Body is not null && e.Reads("data.0.")),
        ],
        [22] =
        [
            ("the id with a prefix is shown", e => e.IsOf("GET fetch/sequences") && e.Reads("data.0.id = \"{sequence}\"")),
            ("and taken", e => e.Path.Contains("/{sequence}/", StringComparison.Ordinal) && e.Status == 201),
            ("a number is taken", e => e.Path.Contains("/{number}/", StringComparison.Ordinal) && e.Status == 201),
        ],
        [23] = [("201", e => e.IsOf("POST fetch/sequences/:id/emails/templates") && e.Status == 201), ("200", e => e.IsOf("POST fetch/tags") && e.Status == 200)],
        [24] = [("nobody", e => e.IsOf("GET fetch/subscribers") && e.Status == 200 && e.Reads("data null"))],
        [25] = [("the sentence", e => e.Status == 500 && e.Reads("error = \"Author not authorized to send on this account\""))],
        [26] = [("twice", e => e.Path.Contains("a%252Bb%2540example.com", StringComparison.Ordinal) && e.Reads("attributes.email = \"a+b@example.com\""))],
        [27] =
        [
            ("approved 0", e => e.Sends("\"approved\":0") && e.Reads("data.0.attributes.status = \"draft\"")),
            ("approved 1", e => e.Sends("\"approved\":1") && e.Reads("data.0.attributes.status = \"scheduled\"")),
            ("approved true", e => e.Sends("\"approved\":true") && e.Reads("data.0.attributes.status = \"scheduled\"")),
            ("a time without zone and seconds", e => e.Sends("\"send_at\":\"2031-12-13 12:50\"") && e.Reads("data.0.attributes.send_at = \"2031-12-13T03:50:00.000Z\"")),
            ("Z", e => e.Sends("\"send_at\":\"2031-04-23T18:30:00Z\"") && e.Reads("data.0.attributes.send_at = \"2031-04-23T18:30:00.000Z\"")),
            ("seven digits behind the second", e => e.Sends("\"send_at\":\"2031-11-23T07:48:04.7685138Z\"") && e.Reads("data.0.attributes.send_at = \"2031-11-23T07:48:04.768Z\"")),
            ("an offset", e => e.Sends("\"send_at\":\"2031-07-01T12:00:00+00:00\"") && e.Reads("data.0.attributes.send_at = \"2031-07-01T12:00:00.000Z\"")),
            ("an empty time", e => e.Sends("\"send_at\":\"\"") && e.Reads("data.0.attributes.send_at null")),
            ("empty texts for no tags and no segment", e => e.Sends("\"exclusive_tags\":\"\",\"segment_id\":\"\"") && e.Reads("results = 1")),
            ("an empty sender", e => e.Sends("\"from\":{\"name\":\"\",\"email\":\"\"}") && e.Reads("results = 1")),
        ],
        [28] =
        [
            ("sent, without a status", e => Lists(e) && !e.Path.Contains("status=", StringComparison.Ordinal) && e.Reads("data.0.attributes.status = \"sent\"") && e.Reads("meta.total = 1")),
            ("drafts on request", e => Lists(e) && e.Path.Contains("status=draft", StringComparison.Ordinal) && e.Reads("data.0.")),
        ],
        [29] =
        [
            ("fields", e => e.IsOf("GET fetch/subscribers") && e.Reads("data.attributes.fields object")),
            ("confidence", e => e.IsOf("POST experimental/gender") && e.Reads("confidence number")),
        ],
        [32] = [("segement_id", e => e.Sends("\"segement_id\":\"{segment}\"") && e.Reads("data.0.attributes.segment_id = \"{segment}\""))],
        [33] =
        [
            ("Ruby", e => e.Client == "ruby" && e.Path.StartsWith("/api/v1/experimental/", StringComparison.Ordinal) && !e.Path.Contains("site_uuid", StringComparison.Ordinal) && e.Status == 200),
            ("Elixir", e => e.Client == "elixir" && e.IsOf("GET experimental/geolocation") && !e.Path.Contains("site_uuid", StringComparison.Ordinal) && e.Status == 200),
        ],
    };

    private static bool Lists(RecordedExchange e) => e.IsOf("GET fetch/broadcasts");

    private static bool Commands(RecordedExchange e) => e.IsOf("POST fetch/commands");

    private static int Sites(string path) => path.Split("site_uuid={site}").Length - 1;
}
