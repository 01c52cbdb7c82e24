using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Ekiben.Tests.Simulation;

/// <summary>The message of every simulated broadcast, compiled once: what is made of it is the product's own.</summary>
internal static class SimulatedMessage
{
    private static readonly InstanceKey Key = new(new byte[InstanceKey.Length]);

    private static readonly EkibenOptions Options = new() { DataFolder = "", Clock = new SimulatedTime(), PublicUrl = new Uri("https://mail.example.com") };

    private static readonly CompiledMessage Message = CompiledMessage.Compile(new MessageSource
    {
        Subject = "Hello {{ visitor.first_name }}",
        Content = "<p>Hello</p>",
        Style = MessageStyle.Plain,
        FromEmail = "news@example.com",
        SiteName = "News",
        SiteId = "00000000000000000000000000000001",
        Broadcast = new BroadcastFacts("1", "News", DateTimeOffset.UnixEpoch),
    });

    public static CompiledBroadcast Of(BroadcastId broadcast, TimeProvider clock) => new(
        Message, broadcast, "news@example.com", DateTimeOffset.UnixEpoch, new MessageIds(Key), new PublicLinks(Options, Key, new ServerAddress(Options, new NoServer())),
        tracks: false, $"{broadcast}:broadcast:ekiben:000000000000", signer: null, new ComposePace(clock));

    /// <summary>The public URL is given, so nobody asks it.</summary>
    private sealed class NoServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken) where TContext : notnull => throw new NotSupportedException();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
