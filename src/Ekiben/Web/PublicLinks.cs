using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Ekiben.Web;

/// <summary>
/// Links that recipients follow. The person token names a broadcast and a subscriber and carries an HMAC under a key of its own purpose
/// (RFC 8058 §3.1 wants it hard to forge); nothing personal is readable in it.
/// </summary>
internal sealed class PublicLinks(EkibenOptions options, InstanceKey instanceKey, ServerAddress address)
{
    private const string Person = "person";
    private const string Tracking = "tracking";
    private const string Target = "target";
    private const int MacLength = 16;
    private const int TokenLength = 16 + MacLength;

    /// <summary>Of a token in base64url, without padding.</summary>
    private const int TokenCharacters = ((TokenLength * 4) + 2) / 3;

    /// <summary>The origin of the public pages.</summary>
    public Uri Origin => options.PublicUrl ?? address.Url;

    /// <summary>What every unsubscription's link begins with: made once for a broadcast, since a <see cref="Uri"/> costs more than the token.</summary>
    public string UnsubscribeBase => new Uri(Origin, "u/").AbsoluteUri;

    /// <summary>GET shows a page with one button; POST unsubscribes at once (RFC 8058 §3.2).</summary>
    public Uri Unsubscribe(BroadcastId broadcast, SubscriberId subscriber) => new(Unsubscribe(UnsubscribeBase, broadcast, subscriber));

    /// <summary>The same as text, on <see cref="UnsubscribeBase"/>.</summary>
    public string Unsubscribe(string unsubscribeBase, BroadcastId broadcast, SubscriberId subscriber)
    {
        Span<char> token = stackalloc char[TokenCharacters];
        Token(Person, broadcast, subscriber, token);
        return string.Concat(unsubscribeBase, token);
    }

    /// <summary>The tracking token, which stands in every link and in the pixel of a message. It opens nothing that the person token opens.</summary>
    public string TrackingToken(BroadcastId broadcast, SubscriberId subscriber) => Token(Tracking, broadcast, subscriber);

    /// <summary>Signs a target that only exists once a message is made, so that this server redirects to nothing it did not write.</summary>
    public string SignTarget(string token, string target) =>
        Base64Url.EncodeToString(instanceKey.Sign(Target, System.Text.Encoding.UTF8.GetBytes(token + "\n" + target)).AsSpan(0, MacLength));

    /// <summary>False for an unsubscribe token too: each purpose has a key of its own.</summary>
    public bool TryReadTracking(string text, out BroadcastId broadcast, out SubscriberId subscriber) => TryRead(Tracking, text, out broadcast, out subscriber);

    /// <summary>False for anything that this server did not sign, whatever is wrong with it.</summary>
    public bool TryRead(string text, out BroadcastId broadcast, out SubscriberId subscriber) => TryRead(Person, text, out broadcast, out subscriber);

    private string Token(string purpose, BroadcastId broadcast, SubscriberId subscriber)
    {
        Span<char> token = stackalloc char[TokenCharacters];
        Token(purpose, broadcast, subscriber, token);
        return new string(token);
    }

    private void Token(string purpose, BroadcastId broadcast, SubscriberId subscriber, Span<char> characters)
    {
        Span<byte> token = stackalloc byte[16 + InstanceKey.Length];
        BinaryPrimitives.WriteInt64BigEndian(token, broadcast.Value);
        BinaryPrimitives.WriteInt64BigEndian(token[8..], subscriber.Value);
        instanceKey.Sign(purpose, token[..16], token[16..]);
        Base64Url.EncodeToChars(token[..TokenLength], characters);
    }

    private bool TryRead(string purpose, string text, out BroadcastId broadcast, out SubscriberId subscriber)
    {
        (broadcast, subscriber) = (default, default);
        Span<byte> token = stackalloc byte[TokenLength];
        if (text.Length != Base64Url.GetEncodedLength(TokenLength)
            // The Try… form throws on letters that are none of base64url's.
            || Base64Url.DecodeFromChars(text, token, out _, out var written) != OperationStatus.Done
            || written != TokenLength
            || !instanceKey.Verifies(purpose, token[..16], token[16..]))
        {
            return false;
        }

        broadcast = new BroadcastId(BinaryPrimitives.ReadInt64BigEndian(token));
        subscriber = new SubscriberId(BinaryPrimitives.ReadInt64BigEndian(token[8..]));
        return true;
    }
}

/// <summary>Where this server really listens, known once it does: port 0 means any.</summary>
internal sealed class ServerAddress(EkibenOptions options, IServer server)
{
    public Uri Url
    {
        get
        {
            var bound = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? options.Urls.Split(';')[0];
            foreach (var any in new[] { "//*", "//+", "//0.0.0.0", "//[::]" })
            {
                bound = bound.Replace(any, "//localhost", StringComparison.Ordinal);
            }

            return new Uri(bound);
        }
    }
}
