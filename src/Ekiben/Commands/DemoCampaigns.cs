using System.Globalization;
using Ekiben.Broadcasts;

namespace Ekiben.Commands;

/// <summary>One broadcast of the demo.</summary>
internal sealed class DemoCampaign(string label, string id, string name, bool isSent)
{
    /// <summary>Short, for a table's head.</summary>
    public string Label => label;

    public string Id => id;

    public string Name => name;

    /// <summary>Whether it is approved; the others stay drafts.</summary>
    public bool IsSent => isSent;

    public Receipt? Receipt { get; set; }
}

/// <summary>What the demo sends, and to whom: five campaigns that use each part of a broadcast, and sample people.</summary>
internal static class DemoCampaigns
{
    public const string FirstAuthor = "news@kiosk.example";
    public const string SecondAuthor = "hana@kiosk.example";

    private const string Layout = """
        <!doctype html>
        <html lang="en"><body style="margin:0;background:#f3efe6;font-family:Georgia,serif">
        <table role="presentation" width="100%"><tr><td align="center" style="padding:24px">
        <table role="presentation" width="560" style="max-width:100%;background:#ffffff;border-radius:8px"><tr><td style="padding:32px">
        <p style="margin:0 0 24px;font-weight:bold;color:#b3402a">Station Kiosk</p>
        {{ content }}
        <p style="margin:32px 0 0;font-size:12px;color:#6b6b6b"><a href="{{ visitor.unsubscribe_url }}" style="color:#6b6b6b">Unsubscribe</a></p>
        </td></tr></table></td></tr></table></body></html>
        """;

    private const string Fancy = """
        <!doctype html>
        <html lang="en"><body style="font-family:sans-serif">
        <h1>Hello {{ visitor.first_name | default: "there" }}</h1>
        <p><strong>You are on the {{ visitor.plan }} plan.</strong> This week's box is salmon and pickled plum.</p>
        <p><a href="https://kiosk.example/menu">See the menu</a></p>
        </body></html>
        """;

    private static readonly string[] FirstNames =
        ["Ada", "Zoë", "José", "Łukasz", "Søren", "花子", "Мария", "عمر", "Nguyễn", "Grace", "Jürgen", "Chloé", "Ayşe", "Oisín", "Noor", "李"];

    private static readonly string[] LastNames =
        ["Martin", "Müller", "García", "Kowalski", "Jørgensen", "山田", "Иванова", "حداد", "Trần", "O’Brien", "D'Souza", "Øst", "Yılmaz", "Nováková"];

    private static readonly string[] Plans = ["free", "pro", "team"];

    /// <summary>Sample people <paramref name="from"/> up to <paramref name="to"/>, always the same.</summary>
    public static IReadOnlyList<object> People(int from, int to)
    {
        var people = new List<object>(to - from);
        for (var i = from; i < to; i++)
        {
            people.Add(new
            {
                Email = string.Create(CultureInfo.InvariantCulture, $"person{i + 1:D6}@reader.example"),
                FirstName = FirstNames[i % FirstNames.Length],
                LastName = LastNames[i % LastNames.Length],
                Plan = Plans[i % Plans.Length],
                Tags = TagsOf(i),
            });
        }

        return people;
    }

    /// <summary>Posts the five campaigns, the third as one request with two broadcasts.</summary>
    public static async Task<IReadOnlyList<DemoCampaign>> PostAsync(DemoClient client, CancellationToken cancel)
    {
        var segment = await client.CreateSegmentAsync("On a paid plan", new { Or = new object[] { Is("pro"), Is("team") } }, cancel);
        var layout = await client.CreateLayoutAsync("Newsletter", Layout, cancel);
        var campaigns = new List<DemoCampaign>();

        await PostOneAsync("#1", Plain("Campaign #1 — Plain Text Example"));
        await PostOneAsync("#2", FullHtml("Campaign #2 — Full HTML", segment));
        Dictionary<string, object>[] both = [Plain("Campaign #3 — Batch: plain"), FullHtml("Campaign #3 — Batch: full HTML", segment)];
        var ids = await client.CreateAsync(both, cancel);
        campaigns.Add(new DemoCampaign("#3a", ids[0], (string)both[0]["name"], false));
        campaigns.Add(new DemoCampaign("#3b", ids[1], (string)both[1]["name"], false));
        await PostOneAsync("#4", new Dictionary<string, object>
        {
            ["name"] = "Campaign #4 — Layout",
            ["subject"] = "{{ visitor.first_name }}, thank you for travelling with us",
            ["content"] = "<p>Dear {{ visitor.first_name }} {{ visitor.last_name }}, your tenth box is on us.</p>",
            ["layout_id"] = layout,
            ["type"] = "layout",
            ["inclusive_tags"] = "customer",
        }, isSent: true);
        await PostOneAsync("#5", new Dictionary<string, object>
        {
            ["name"] = "Campaign #5 — Approved and Scheduled!",
            ["subject"] = "Hello World",
            ["content"] = "<p>Sending now, {{ visitor.first_name }}</p>",
            ["type"] = "plain",
            ["send_at"] = "2022-12-13 12:50",
            ["approved"] = true,
        }, isSent: true);
        return campaigns;

        async Task PostOneAsync(string label, Dictionary<string, object> broadcast, bool isSent = false)
        {
            var created = await client.CreateAsync([broadcast], cancel);
            campaigns.Add(new DemoCampaign(label, created[0], (string)broadcast["name"], isSent));
        }
    }

    private static Dictionary<string, object> Plain(string name) => new()
    {
        ["name"] = name,
        ["subject"] = "Hello Plain World",
        ["content"] = "<p>Hi {{ visitor.first_name }}</p>",
        ["type"] = "plain",
        ["from"] = new { Email = FirstAuthor },
        ["inclusive_tags"] = "lead,mql",
        ["exclusive_tags"] = "customers",
    };

    private static Dictionary<string, object> FullHtml(string name, string segment) => new()
    {
        ["name"] = name,
        ["subject"] = "Hello {{ visitor.first_name }}",
        ["content"] = Fancy,
        ["type"] = "fancy",
        ["from"] = new { Email = SecondAuthor, Name = "Hana" },
        ["inclusive_tags"] = "lead,mql",
        ["exclusive_tags"] = "customers",
        ["segment_id"] = segment,
        ["batch_size_per_hour"] = 1500,
    };

    private static object Is(string plan) => new { Field = "plan", Op = "eq", Value = plan };

    /// <summary>Spread so that every combination occurs, with some leads who are customers and so on the exclusive list.</summary>
    private static string TagsOf(int i)
    {
        var tags = new List<string>();
        Add("lead", i % 5 is 0 or 1);
        Add("mql", i % 4 == 2);
        Add("customers", i % 6 == 0);
        Add("customer", i % 7 is 0 or 3);
        return string.Join(',', tags);

        void Add(string tag, bool has)
        {
            if (has)
            {
                tags.Add(tag);
            }
        }
    }
}
