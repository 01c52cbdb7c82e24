using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;

namespace Ekiben.Browser.Tests.Screens;

/// <summary>
/// A page of the platform as the tests look at it: each is opened in light and dark, wide and narrow, asked about by axe, and drawn into
/// docs/screens by <c>./test --screenshots</c>. A new page gets one line in <see cref="All"/>.
/// </summary>
/// <param name="Name">The picture's file name without an end.</param>
/// <param name="Path">Its address in the world.</param>
/// <param name="Role">Who looks at it; null for somebody who has not logged in.</param>
/// <param name="Then">What the visitor does before the look, such as opening a dialog.</param>
internal sealed record Screen(string Name, Func<World, string> Path, string? Role = Roles.Owner, Func<Person, Task>? Then = null)
{
    public static readonly IReadOnlyList<Screen> All =
    [
        new("log-in", _ => "/login", Role: null),
        new("inbox", _ => "/"),
        new("broadcasts", _ => "/?status=all"),
        // A browser paints no frame that was never in sight.
        new("broadcast-draft", world => $"/broadcasts/{world.Broadcast("draft")}", Then: async person =>
        {
            await person.Page.Locator(".frame iframe").ScrollIntoViewIfNeededAsync();
            await Microsoft.Playwright.Assertions.Expect(person.Page.FrameLocator(".frame iframe").Locator("h2")).ToBeVisibleAsync();
        }),
        new("broadcast-draft-text", world => $"/broadcasts/{world.Broadcast("draft")}?view=text"),
        new("broadcast-draft-dark", world => $"/broadcasts/{world.Broadcast("draft")}?view=dark"),
        new("broadcast-approve", world => $"/broadcasts/{world.Broadcast("draft")}", Then: async person =>
        {
            await person.Button("Approve…").ClickAsync();
            await person.SeesAsync("Bound by this");
        }),
        new("broadcast-new", world => $"/broadcasts/new?site={world.Live.Uuid}", Then: async person =>
        {
            await person.Input("Content").FillAsync("<h2 class=\"lead\">Good day {{ visitor.first_name | default: 'you' }}</h2>\n<p>{{ visitor.frist_name }} has <b>{{ visitor.points }}</b> points</p>\n{% if visitor.city == 'Berlin' %}\n<img src=\"https://noodles.example/soup.png\">\n{% endif %}\n");
            await Microsoft.Playwright.Assertions.Expect(person.Button("Line 4")).ToBeVisibleAsync();
        }),
        new("broadcast-edit", world => $"/broadcasts/{world.Broadcast("draft")}/edit", Then: async person =>
        {
            await person.Page.Locator(".frame iframe").ScrollIntoViewIfNeededAsync();
            await Microsoft.Playwright.Assertions.Expect(person.Page.FrameLocator(".frame iframe").Locator("h2")).ToBeVisibleAsync();
            await Microsoft.Playwright.Assertions.Expect(person.Page.Locator("[data-findings-pending]")).ToHaveCountAsync(0);
        }),
        new("broadcast-edit-approved", world => $"/broadcasts/{world.Broadcast("scheduled")}/edit"),
        new("audience", world => $"/broadcasts/{world.Broadcast("draft")}/audience"),
        new("approval-rules", world => $"/approval-rules/{world.Live.Uuid}"),
        new("broadcast-scheduled", world => $"/broadcasts/{world.Broadcast("scheduled")}"),
        new("broadcast-sending", world => $"/broadcasts/{world.Broadcast("sending")}"),
        new("broadcast-held", world => $"/broadcasts/{world.Broadcast("held")}"),
        new("broadcast-sent", world => $"/broadcasts/{world.Broadcast("sent")}"),
        new("recipients", world => $"/broadcasts/{world.Broadcast("sent")}/recipients"),
        new("left-out", world => $"/broadcasts/{world.Broadcast("sent")}/left-out"),
        new("why", world => $"/broadcasts/{world.Broadcast("sent")}/why?email={Uri.EscapeDataString("nobody@example.com")}"),
        new("report", world => $"/broadcasts/{world.Broadcast("sent")}/report"),
        new("mails", world => $"/mails?site={world.Live.Uuid}"),
        new("mails-none", world => $"/mails?site={world.Test.Uuid}&origin=sequence"),
        new("sequences", world => $"/sequences?site={world.Live.Uuid}"),
        new("sequences-none", world => $"/sequences?site={world.Test.Uuid}"),
        new("sequence", world => $"/sequences/{world.SequenceId}?site={world.Live.Uuid}"),
        new("sequence-new", world => $"/sequences/new?site={world.Live.Uuid}"),
        new("sequence-step-new", world => $"/sequences/{world.SequenceId}/steps/new?site={world.Live.Uuid}"),
        new("sequence-step", world => $"/sequences/{world.SequenceId}/steps/{world.StepId}?site={world.Live.Uuid}"),
        new("subscribers", world => $"/subscribers?site={world.Live.Uuid}"),
        new("subscriber", world => $"/subscribers/{world.PersonId}?site={world.Live.Uuid}"),
        new("subscriber-new", world => $"/subscribers/new?site={world.Live.Uuid}"),
        new("segments", world => $"/segments?site={world.Live.Uuid}"),
        new("segment", world => $"/segments/{world.SegmentId}?site={world.Live.Uuid}"),
        new("segment-new", world => $"/segments/new?site={world.Live.Uuid}"),
        new("tags", world => $"/tags?site={world.Live.Uuid}"),
        new("tag", world => $"/tags/{world.TagId}?site={world.Live.Uuid}"),
        new("tags-none", world => $"/tags?site={world.Test.Uuid}"),
        new("fields", world => $"/fields?site={world.Live.Uuid}"),
        new("field", world => $"/fields/{world.FieldId}?site={world.Live.Uuid}"),
        new("layouts", world => $"/layouts?site={world.Live.Uuid}"),
        new("layout", world => $"/layouts/{world.LayoutId}?site={world.Live.Uuid}"),
        new("site-chooser", _ => "/tags"),
        new("setup", _ => "/setup"),
        new("sites", _ => "/settings/sites"),
        new("site", world => $"/settings/sites/{world.Live.Uuid}"),
        new("senders", world => $"/settings/senders?site={world.Live.Uuid}"),
        new("keys", world => $"/settings/keys?site={world.Live.Uuid}"),
        new("key", world => $"/settings/keys/{world.KeyId}?site={world.Live.Uuid}"),
        new("domains", world => $"/settings/domains?site={world.Live.Uuid}"),
        new("domain", world => $"/settings/domains/noodles.example?site={world.Live.Uuid}"),
        new("providers", world => $"/settings/providers?site={world.Live.Uuid}"),
        new("relays", _ => "/settings/relays"),
        new("relay", _ => "/settings/relays/new"),
        new("accounts", _ => "/settings/accounts"),
        new("account", world => $"/settings/accounts/{world.AccountId}"),
        new("no-permission", _ => "/settings/sites", Role: Roles.Author),
        new("welcome", world => world.Welcome, Role: null),
        new("mailbox", world => $"/mailbox?site={world.Test.Uuid}"),
    ];

    /// <summary>The names, for theories; only those that <c>EKIBEN_SCREENS</c> names, with commas between, where it is set.</summary>
    public static TheoryData<string> Names => [.. All.Select(screen => screen.Name).Where(name =>
        Environment.GetEnvironmentVariable("EKIBEN_SCREENS") is not { Length: > 0 } wanted || wanted.Split(',').Contains(name))];

    public static Screen Of(string name) => All.Single(screen => screen.Name == name);

    /// <summary>Opens it as its visitor sees it.</summary>
    public async Task<Person> OpenAsync(World world, Chromium chromium, Look look)
    {
        var person = Role is null ? await Person.ArriveAsync(world.App, chromium, look) : await Person.LogInAsync(world.App, chromium, Role, look);
        await person.OpenAsync(Path(world));
        if (Then is not null)
        {
            await Then(person);
        }

        return person;
    }

    public override string ToString() => Name;
}
