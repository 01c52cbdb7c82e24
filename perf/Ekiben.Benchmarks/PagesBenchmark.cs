using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Templates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.AspNetCore.Components.HtmlRendering.Infrastructure;
using Microsoft.AspNetCore.Components.RenderTree;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ekiben.Benchmarks;

/// <summary>
/// How long the platform's pages take to their first complete render with many people and broadcasts: each is rendered as a circuit renders it,
/// with its own queries, but for the network and the browser. What a page fills in afterwards ("counting…") is not waited for, as people don't.
/// The bar is for a program that has shown the page once; the time of that once, which is mostly the compiler's, stands beside it.
/// </summary>
internal static class PagesBenchmark
{
    private const int RoundsOfEach = 5;
    private const double BarMilliseconds = 300;

    public static async Task<int> RunAsync(int people, int broadcasts, string? postgres, TimeProvider clock)
    {
        var folder = Directory.CreateTempSubdirectory("ekiben-pages-").FullName;
        try
        {
            await using var app = EkibenBuilder.Build(new EkibenOptions { DataFolder = folder, Clock = clock, RunEngine = false, Urls = "http://127.0.0.1:0", Database = postgres });
            await app.Services.GetRequiredService<Database>().MigrateAsync(default);
            var site = await SeedAsync(app.Services, people, broadcasts, clock);
            return await MeasureAsync(app, site, clock);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<int> MeasureAsync(WebApplication app, Seeded seeded, TimeProvider clock)
    {
        Console.WriteLine("| page | ms: median (range) of 5 | CPU of it: median | of them slowest to all its figures | once cold |");
        Console.WriteLine("|---|---|---|---|---|");
        var slow = 0;
        foreach (var (route, page) in Pages())
        {
            foreach (var (label, path, values) in Fill(route, seeded))
            {
                var cold = await RenderAsync(app, page, path, values, seeded, clock);
                var (rounds, busy, whole) = (new Rounds(), new Rounds(), 0.0);
                for (var i = 0; i < RoundsOfEach; i++)
                {
                    var (first, cpu, all) = await RenderAsync(app, page, path, values, seeded, clock);
                    rounds.Add(first);
                    busy.Add(cpu);
                    whole = Math.Max(whole, all);
                }

                slow += rounds.Median > BarMilliseconds ? 1 : 0;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {label} | {rounds.Shown("0")} | {busy.Median:0} | {whole:0} | {cold.First:0} |"));
            }
        }

        Console.WriteLine(slow == 0 ? $"every page within {BarMilliseconds} ms" : $"{slow} pages above {BarMilliseconds} ms");
        return slow == 0 ? 0 : 1;
    }

    /// <summary>
    /// Milliseconds from the address to markup with a heading that is not "Reading…", of the process's time on a core meanwhile, and to all that the
    /// page's own reading brings.
    /// </summary>
    private static async Task<(double First, double Cpu, double All)> RenderAsync(WebApplication app, Type page, string path, Dictionary<string, object?> values, Seeded seeded, TimeProvider clock)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var user = await scope.ServiceProvider.GetRequiredService<UserManager<User>>().FindByIdAsync(seeded.UserId);
        var principal = await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<User>>().CreateAsync(user!);
        ((IHostEnvironmentAuthenticationStateProvider)scope.ServiceProvider.GetRequiredService<AuthenticationStateProvider>())
            .SetAuthenticationState(Task.FromResult(new AuthenticationState(principal)));
        ((IHostEnvironmentNavigationManager)scope.ServiceProvider.GetRequiredService<NavigationManager>())
            .Initialize("http://127.0.0.1/", "http://127.0.0.1" + path);
        await using var renderer = new FirstRender(scope.ServiceProvider, clock);
        await renderer.Dispatcher.InvokeAsync(async () =>
        {
            await renderer.BeginRenderingComponent(page, ParameterView.FromDictionary(values)).QuiescenceTask;
            renderer.Look();
        });
        return (renderer.First ?? throw new InvalidOperationException($"{path} showed no heading: {renderer.Last}"), renderer.FirstCpu, renderer.Elapsed);
    }

    /// <summary>Every page that a log-in opens, by its route.</summary>
    private static IEnumerable<(string Route, Type Page)> Pages() => typeof(EkibenBuilder).Assembly.GetTypes()
        .Where(type => type.IsAssignableTo(typeof(IComponent)) && type.GetCustomAttributes(typeof(Microsoft.AspNetCore.Authorization.AllowAnonymousAttribute), true).Length == 0)
        .SelectMany(type => type.GetCustomAttributes(typeof(RouteAttribute), false).Cast<RouteAttribute>().Select(route => (route.Template, type)))
        .OrderBy(page => page.Template, StringComparer.Ordinal);

    /// <summary>The route with something there in each place, the site beside it; pages of a broadcast for one in each stage of its life.</summary>
    private static IEnumerable<(string Label, string Path, Dictionary<string, object?> Values)> Fill(string route, Seeded seeded)
    {
        (string Name, long Number, string Query)[] stages = !route.StartsWith("/broadcasts/{Number:long}", StringComparison.Ordinal)
            ? [("", 1, "")]
            : [("draft", seeded.Draft, ""), ("sending", seeded.Sending, ""), ("sent", seeded.Sent, "")];
        if (route.EndsWith("/recipients", StringComparison.Ordinal))
        {
            stages = [.. stages, ("refused", seeded.Sent, "&state=refused"), ("uncertain, nobody", seeded.Sent, "&state=uncertain")];
        }
        else if (route.EndsWith("/why", StringComparison.Ordinal))
        {
            stages = [.. stages.Select(stage => (stage.Name, stage.Number, "&email=person17@people.example"))];
        }

        foreach (var (name, number, query) in stages)
        {
            var values = new Dictionary<string, object?>();
            var path = route;
            foreach (var (place, parameter, value) in (IEnumerable<(string, string, object)>)
            [
                ("{Number:long}", "Number", number),
                ("{Id:long}", "Id", route.StartsWith("/subscribers", StringComparison.Ordinal) ? seeded.Person : 1L),
                ("{PublicId}", "PublicId", route.StartsWith("/layouts", StringComparison.Ordinal) ? seeded.Layout : seeded.Segment),
                ("{Uuid}", "Uuid", seeded.Site.Uuid),
                ("{Id}", "Id", seeded.UserId),
            ])
            {
                if (path.Contains(place, StringComparison.Ordinal))
                {
                    path = path.Replace(place, value.ToString(), StringComparison.Ordinal);
                    values[parameter] = value;
                }
            }

            yield return (name.Length == 0 ? route : $"{route} ({name})", $"{path}?site={seeded.Site.Uuid}{query}", values);
        }
    }

    private static async Task<Seeded> SeedAsync(IServiceProvider services, int people, int broadcasts, TimeProvider clock)
    {
        var database = services.GetRequiredService<Database>();
        var now = clock.GetUtcNow();
        var site = (await NewSite.CreateAsync(database, "Noodle House", false, "Europe/Berlin", Actor.Cli, now, default)).Site;
        await ImportAsync(services, database, site.Id, people, now);
        var userId = "";
        var (layout, segment) = ("layout_aaaaaaaaaaaa", "segment_aaaaaaaaaaaa");
        await using (var scope = services.CreateAsyncScope())
        {
            var user = new User { UserName = "ann@example.com", Email = "ann@example.com", CreatedAt = now };
            await scope.ServiceProvider.GetRequiredService<UserManager<User>>().CreateAsync(user);
            userId = user.Id;
        }

        await using (var db = database.OpenEverySite())
        await using (var write = await database.BeginWriteAsync(db, default))
        {
            await UserRoles.SetAsync(db, userId, Roles.Owner, default);
            db.Authors.Add(new Author { SiteId = site.Id, Email = "news@example.com", Name = "News", CreatedAt = now });
            db.Layouts.Add(new Layout { SiteId = site.Id, PublicId = layout, Name = "House", Html = "<p>{{ content }}</p>", CreatedAt = now, UpdatedAt = now });
            db.Segments.Add(new Segments.Segment { SiteId = site.Id, PublicId = segment, Name = "Berlin", Rule = """{"field":"city","op":"eq","value":"Berlin"}""", CreatedAt = now, UpdatedAt = now });
            var statuses = Enum.GetValues<BroadcastStatus>();
            for (var i = 0; i < broadcasts; i++)
            {
                // One draft in fifty, and most of them sent, as after some years.
                db.Broadcasts.Add(new Broadcast
                {
                    SiteId = site.Id,
                    Name = string.Create(CultureInfo.InvariantCulture, $"Letter {i}"),
                    Subject = "Hello {{ visitor.first_name }}",
                    Content = "<p>Hello {{ visitor.first_name }}</p>",
                    Type = "html",
                    FromEmail = "news@example.com",
                    FromName = "News",
                    InclusiveTags = "newsletter",
                    Status = i % 50 == 0 ? BroadcastStatus.Draft : i % 50 < 40 ? BroadcastStatus.Sent : statuses[i % statuses.Length] is BroadcastStatus.Sending ? BroadcastStatus.Sent : statuses[i % statuses.Length],
                    CreatedBy = "key:first",
                    CreatedAt = now,
                    UpdatedAt = now,
                });
            }

            await db.SaveChangesAsync();
            await write.CommitAsync(default);
        }

        await using var read = database.OpenEverySite();
        var draft = await read.Broadcasts.Where(b => b.Status == BroadcastStatus.Draft).Select(b => b.Id).FirstAsync();
        var person = await read.Subscribers.OrderByDescending(s => s.Id).Select(s => s.Id).FirstAsync();
        var sending = await FreezeAsync(database, site, BroadcastStatus.Sending, now);
        var sent = await FreezeAsync(database, site, BroadcastStatus.Sent, now);
        return new Seeded(site, userId, draft.Value, sending, sent, person.Value, layout, segment);
    }

    /// <summary>A broadcast to everybody: on its way with half of them accepted, or over with one of a thousand refused.</summary>
    private static async Task<long> FreezeAsync(Database database, Site site, BroadcastStatus status, DateTimeOffset now)
    {
        await using var db = database.OpenEverySite();
        await using var write = await database.BeginWriteAsync(db, default);
        var people = await db.Subscribers.LongCountAsync();
        var broadcast = new Broadcast
        {
            SiteId = site.Id,
            Name = "To everybody",
            Subject = "Hello {{ visitor.first_name }}",
            Content = "<p>Hello {{ visitor.first_name }}</p>",
            Type = "html",
            FromEmail = "news@example.com",
            FromName = "News",
            InclusiveTags = "newsletter",
            BatchSizePerHour = 100_000,
            Status = status,
            CreatedBy = "key:first",
            CreatedAt = now,
            UpdatedAt = now,
            StartedAt = now.AddHours(-5),
            FrozenAt = now.AddHours(-5),
            FinishedAt = status is BroadcastStatus.Sent ? now : null,
            Matched = people,
            Recipients = people,
        };
        db.Broadcasts.Add(broadcast);
        await db.SaveChangesAsync();
        var (id, isOver, size) = (broadcast.Id.Value, status is BroadcastStatus.Sent, SendQueue.ShardSize);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO recipients (broadcast_id, address_id, subscriber_id, state, attempts, last_at)
            SELECT {id}, s.address_id, s.id, CASE WHEN s.id % 1000 = 0 THEN 4 WHEN {isOver} OR s.id % 2 = 0 THEN 3 ELSE 0 END, 1, {now.ToStored()} FROM subscribers s
            """);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO shards (broadcast_id, number, first_address, last_address, pending, accepted, refused)
            SELECT {id}, n, MIN(address_id), MAX(address_id), COUNT(*) FILTER (WHERE state = 0), COUNT(*) FILTER (WHERE state = 3), COUNT(*) FILTER (WHERE state = 4)
            FROM (SELECT address_id, state, (ROW_NUMBER() OVER (ORDER BY address_id) - 1) / {size} AS n FROM recipients WHERE broadcast_id = {id}) AS numbered
            GROUP BY n
            """);
        await write.CommitAsync(default);
        return id;
    }

    private static async Task ImportAsync(IServiceProvider services, Database database, SiteId site, int people, DateTimeOffset now)
    {
        var (import, key) = (services.GetRequiredService<SubscriberImport>(), services.GetRequiredService<InstanceKey>());
        using var city = System.Text.Json.JsonDocument.Parse("\"Berlin\"");
        foreach (var numbers in Enumerable.Range(1, people).Chunk(SubscriberImport.MaxRecords))
        {
            await using var db = database.Open(site);
            await using var write = await database.BeginWriteAsync(db, default);
            var records = numbers.Select(number =>
            {
                _ = EmailAddress.TryParse(string.Create(CultureInfo.InvariantCulture, $"person{number}@people.example"), out var address, out _);
                return new SubscriberRecord
                {
                    Address = address,
                    Hash = AddressHash.Of(key, address.Normalised),
                    FirstName = "Ann",
                    AddTags = number % 1000 == 0 ? ["newsletter", "rare"] : ["newsletter"],
                    Fields = number % 3 == 0 ? [KeyValuePair.Create("city", city.RootElement)] : [],
                };
            }).ToArray();
            await import.ImportAsync(db, site, records, now, default);
            await write.CommitAsync(default);
        }
    }

    /// <summary>Renders into nothing and notes when there was first something to read.</summary>
    private sealed class FirstRender(IServiceProvider services, TimeProvider clock) : StaticHtmlRenderer(services, services.GetRequiredService<ILoggerFactory>())
    {
        private readonly long _from = clock.GetTimestamp();
        private readonly TimeSpan _cpuBefore = Environment.CpuUsage.TotalTime;

        public double? First { get; private set; }

        public double FirstCpu { get; private set; }

        public double Elapsed => clock.GetElapsedTime(_from).TotalMilliseconds;

#pragma warning disable BL0006 // The batch is not looked into.
        protected override Task UpdateDisplayAsync(in RenderBatch renderBatch)
#pragma warning restore BL0006
        {
            Look();
            // As the base does it: what a page begins after its first render is not part of it.
            return base.UpdateDisplayAsync(renderBatch);
        }

        /// <summary>Also once all is read: the last batch may come with the end of the reading.</summary>
        public void Look()
        {
            if (First is not null)
            {
                return;
            }

            using var html = new StringWriter(CultureInfo.InvariantCulture);
            // The page itself: the first component that the renderer was given.
            WriteComponentHtml(0, html);
            var text = html.ToString();
            First = text.Contains("<h1", StringComparison.Ordinal) && !text.Contains(">Reading…<", StringComparison.Ordinal) ? Elapsed : null;
            FirstCpu = First is null ? 0 : (Environment.CpuUsage.TotalTime - _cpuBefore).TotalMilliseconds;
            Last = text;
        }

        public string Last { get; private set; } = "";
    }

    private sealed record Seeded(Site Site, string UserId, long Draft, long Sending, long Sent, long Person, string Layout, string Segment);
}
