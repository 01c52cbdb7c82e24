using System.Globalization;
using System.Text.Json;

namespace Ekiben.Commands;

/// <summary>What <c>demo</c> fills its site with: the same people and campaigns at every run, so that the figures can be compared.</summary>
internal static class DemoSamples
{
    public const string SiteName = "Ekiben demo";

    public const string Owner = "owner@example.com";

    /// <summary>The first one is the site's default sender.</summary>
    public static readonly IReadOnlyList<(string Email, string Name)> Authors = [("news@example.com", "Station News"), ("mei@example.com", "Mei Tanaka")];

    /// <summary>Addresses with this in them asked for no more mail: two in a hundred, never the first person.</summary>
    public static readonly (string First, string Second) Unsubscribed = ("07@", "57@");

    /// <summary>Addresses with this in them bounced before: one in a hundred.</summary>
    public const string Suppressed = "33@";

    private static readonly string[] FirstNames =
        ["Ada", "Zoë", "Łukasz", "Björk", "Ngọc", "美咲", "Søren", "Núria", "Grace", "Олена", "Omar", "Dvořák", "Maeve", "Inês", "Tomasz", "Priya"];

    /// <summary>What stands before the @ for each of the first names.</summary>
    private static readonly string[] LocalParts =
        ["ada", "zoe", "lukasz", "bjork", "ngoc", "misaki", "soren", "nuria", "grace", "olena", "omar", "dvorak", "maeve", "ines", "tomasz", "priya"];

    private static readonly string[] LastNames =
        ["Lovelace", "Müller", "Nowak", "Guðmundsdóttir", "Nguyễn", "佐藤", "Kierkegaard", "Puig", "O'Brien", "Шевченко", "Haddad"];

    private static readonly string[] Domains = ["example.com", "example.org", "example.net", "bücher.example"];

    private static readonly string[] Plans = ["free", "pro", "team"];

    /// <summary>Person number <paramref name="number"/>, from 1, as an import names them.</summary>
    public static Dictionary<string, object> Person(int number)
    {
        var index = number - 1;
        var person = new Dictionary<string, object>
        {
            ["email"] = string.Create(CultureInfo.InvariantCulture, $"{LocalParts[index % LocalParts.Length]}.{number:00}@{Domains[index % Domains.Length]}"),
            ["last_name"] = LastNames[index % LastNames.Length],
            ["plan"] = Plans[index % Plans.Length],
            ["tags"] = Tags(index),
        };

        // Some lists have no name for everybody: the templates' default filter is for them.
        if (index % 17 != 16)
        {
            person["first_name"] = FirstNames[index % FirstNames.Length];
        }

        return person;
    }

    /// <summary>The first person has what every campaign asks for, so that even a demo of one recipient sends to somebody.</summary>
    private static List<string> Tags(int index)
    {
        var tags = new List<string>();
        Add("lead", index % 3 == 0);
        Add("mql", index % 4 == 0);
        Add("customer", index % 2 == 0);
        Add("customers", index % 10 == 4);
        Add("churned", index % 14 == 8);
        return tags;

        void Add(string tag, bool given)
        {
            if (given)
            {
                tags.Add(tag);
            }
        }
    }

    public static object Layout => new
    {
        name = "Platform 1",
        html = """
            <html><body style="margin:0;background:#f4f1ea;font-family:Georgia,serif">
            <table role="presentation" width="100%"><tr><td align="center">
            <table role="presentation" width="560" style="background:#fff;margin:24px;padding:24px"><tr><td>
            <h1 style="color:#b5372a">Station News</h1>
            <p>Dear {{ visitor.first_name | default: "traveller" }},</p>
            {{ content }}
            <p>You are on the {{ visitor.plan | default: "free" | capitalize }} plan.</p>
            </td></tr></table></td></tr></table></body></html>
            """,
    };

    public static object Segment => new { name = "Paying", rule = new { or = new object[] { PlanIs("pro"), PlanIs("team") } } };

    /// <summary>The five campaigns in the order in which they are posted; each inner list is one request.</summary>
    public static IReadOnlyList<IReadOnlyList<DemoCampaign>> Campaigns(string layoutId, string segmentId) =>
    [
        [
            new("Campaign #1: plain text", DemoFate.Draft, new()
            {
                ["subject"] = "Hello plain world",
                ["content"] = """<p>Hi {{ visitor.first_name | default: "there" }}</p>""",
                ["type"] = "plain",
            }),
        ],
        [
            new("Campaign #2: full HTML with every option", DemoFate.Draft, new()
            {
                ["subject"] = "{{ visitor.first_name | default: \"Hello\" }}, a closer look",
                ["content"] = """<p><strong>Hi {{ visitor.first_name | default: "there" }}</strong>, see the <a href="https://example.com/menu">new menu</a>.</p>""",
                ["type"] = "fancy",
                ["from"] = new { email = Authors[1].Email, name = "Mei of Station News" },
                ["inclusive_tags"] = "lead,mql",
                ["exclusive_tags"] = "customers",
                ["segment_id"] = segmentId,
                ["batch_size_per_hour"] = 1500,
            }),
        ],
        [
            new("Campaign #3a: one of two in a request", DemoFate.Draft, new()
            {
                ["subject"] = "Hello leads",
                ["content"] = "<p>Hi</p>",
                ["type"] = "plain",
                ["inclusive_tags"] = "lead",
            }),
            new("Campaign #3b: the other of the two", DemoFate.Draft, new()
            {
                ["subject"] = "Hello again",
                ["content"] = "<p><strong>Hi</strong></p>",
                ["type"] = "fancy",
                ["inclusive_tags"] = "mql",
            }),
        ],
        [
            new("Campaign #4: layout", DemoFate.ApprovedLater, new()
            {
                ["subject"] = "News for customers",
                ["content"] = "<p>The spring menu leaves from platform 1.</p>",
                ["layout_id"] = layoutId,
                ["type"] = "layout",
                ["inclusive_tags"] = "customer",
                ["exclusive_tags"] = "churned",
            }),
        ],
        [
            new("Campaign #5: approved and scheduled", DemoFate.ApprovedAtOnce, new()
            {
                ["subject"] = "On its way",
                ["content"] = """<p>Hi {{ visitor.first_name | default: "there" }}, sending now.</p>""",
                ["type"] = "plain",
                ["send_at"] = "2022-12-13 12:50",
                ["approved"] = true,
            }),
        ],
    ];

    private static object PlanIs(string plan) => new { field = "plan", op = "eq", value = plan };
}

/// <summary>What a campaign of the demo comes to.</summary>
internal enum DemoFate
{
    /// <summary>Nobody approves it.</summary>
    Draft,

    /// <summary>Posted as a draft, approved by a request of its own.</summary>
    ApprovedLater,

    /// <summary>Posted with <c>approved</c> and a <c>send_at</c>.</summary>
    ApprovedAtOnce,
}

/// <summary>A campaign as it is posted.</summary>
internal sealed record DemoCampaign(string Name, DemoFate Fate, Dictionary<string, object> Fields)
{
    public JsonElement ToJson() => JsonSerializer.SerializeToElement(new Dictionary<string, object>(Fields) { ["name"] = Name });
}
