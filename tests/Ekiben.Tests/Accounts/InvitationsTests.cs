using System.Net;
using Ekiben.Accounts;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Accounts;

/// <summary>Links that make accounts: the first owner's and those of people who were invited.</summary>
public sealed class InvitationsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task First_start_gives_a_link_that_makes_the_owner_once()
    {
        await using var app = await EkibenApp.StartAsync();
        var path = await app.Service<Invitations>().FirstOwnerAsync(Cancel);
        using var visitor = new PlatformVisitor(app);

        using var made = await visitor.SubmitAsync(path!, ("Name", "Ann"), ("Email", "Ann@Example.com"), ("Password", PlatformVisitor.Password));

        Assert.EndsWith("/setup", made.Headers.Location!.ToString(), StringComparison.Ordinal);
        using var setup = await visitor.GetAsync("/setup");
        Assert.Equal(HttpStatusCode.OK, setup.StatusCode);
        using var again = new PlatformVisitor(app);
        using var used = await again.GetAsync(path!);
        Assert.Contains("used up", await used.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Null(await app.Service<Invitations>().FirstOwnerAsync(Cancel));
        await using var db = app.Database.OpenEverySite();
        Assert.Equal(("ann@example.com", "Ann"), await db.Users.Select(u => ValueTuple.Create(u.Email, u.Name)).SingleAsync(Cancel));
    }

    [Fact]
    public async Task Each_start_ends_the_link_of_the_one_before_and_time_ends_the_last()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 5, 4, 12, 0, 0, TimeSpan.Zero));
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = clock });
        var invitations = app.Service<Invitations>();
        var first = await invitations.FirstOwnerAsync(Cancel);
        var second = await invitations.FirstOwnerAsync(Cancel);

        Assert.Null(await invitations.FindAsync(Token(first), Cancel));
        Assert.NotNull(await invitations.FindAsync(Token(second), Cancel));
        clock.Advance(TimeSpan.FromHours(24));
        Assert.Null(await invitations.FindAsync(Token(second), Cancel));
    }

    [Fact]
    public async Task Invited_person_gets_the_role_they_were_invited_for_whatever_address_they_send()
    {
        await using var app = await EkibenApp.StartAsync();
        var path = await InviteAsync(app, "bo@example.com", Roles.Approver);
        using var visitor = new PlatformVisitor(app);

        using var weak = await visitor.SubmitAsync(path, ("Name", "Bo"), ("Password", "short"));
        Assert.Contains("at least 10 characters", await weak.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        using var made = await visitor.SubmitAsync(path, ("Name", "Bo"), ("Email", "other@example.com"), ("Password", PlatformVisitor.Password));

        Assert.Equal(HttpStatusCode.Redirect, made.StatusCode);
        await using var db = app.Database.OpenEverySite();
        var user = await db.Users.SingleAsync(Cancel);
        Assert.Equal("bo@example.com", user.Email);
        Assert.Equal(Roles.Approver, await db.UserRoles.Where(r => r.UserId == user.Id).Join(db.Roles, r => r.RoleId, r => r.Id, (_, r) => r.Name).SingleAsync(Cancel));
    }

    [Fact]
    public async Task Of_two_who_use_a_link_at_once_one_gets_an_account()
    {
        await using var app = await EkibenApp.StartAsync();
        var path = await app.Service<Invitations>().FirstOwnerAsync(Cancel);
        using var one = new PlatformVisitor(app);
        using var other = new PlatformVisitor(app);

        var answers = await Task.WhenAll(
            one.SubmitAsync(path!, ("Name", "One"), ("Email", "one@example.com"), ("Password", PlatformVisitor.Password)),
            other.SubmitAsync(path!, ("Name", "Other"), ("Email", "other@example.com"), ("Password", PlatformVisitor.Password)));

        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Redirect);
        await using var db = app.Database.OpenEverySite();
        Assert.Equal(1, await db.Users.CountAsync(Cancel));
    }

    [Fact]
    public async Task There_is_always_an_owner()
    {
        await using var app = await EkibenApp.StartAsync();
        var owner = await PlatformVisitor.AddUserAsync(app, Roles.Owner);

        await app.WriteAsync(async db =>
        {
            var user = await db.Users.SingleAsync(u => u.Id == owner.Id, Cancel);
            Assert.NotNull(await UserRoles.ChangeAsync(db, user, Roles.Viewer, Cancel));
            Assert.NotNull(await UserRoles.RemoveAsync(db, user, Cancel));
        });
        await PlatformVisitor.AddUserAsync(app, Roles.Owner);
        await app.WriteAsync(async db => Assert.Null(await UserRoles.RemoveAsync(db, await db.Users.SingleAsync(u => u.Id == owner.Id, Cancel), Cancel)));

        await using var read = app.Database.OpenEverySite();
        Assert.Equal(1, await read.Users.CountAsync(Cancel));
    }

    private static async Task<string> InviteAsync(EkibenApp app, string email, string role)
    {
        var path = "";
        await app.WriteAsync(db =>
        {
            path = app.Service<Invitations>().Add(db, email, role, Actor.Cli, Invitations.ValidFor);
            return Task.CompletedTask;
        });
        return path;
    }

    private static string Token(string? path) => path!["/welcome/".Length..];
}
