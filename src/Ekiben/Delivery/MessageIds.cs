using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Delivery;

/// <summary>
/// The Message-ID of a recipient: the same on every attempt (ledger.md rule 2), so that a store that drops doubles can drop the second copy.
/// <c>b{broadcast}.{address}.{mac}@{the sender's domain}</c>; the keyed part keeps others from guessing it.
/// </summary>
internal sealed class MessageIds(InstanceKey instanceKey)
{
    private const string Purpose = "message-id";
    private const int MacLength = 12;

    /// <summary>Without angle brackets.</summary>
    public string Of(Broadcast broadcast, AddressId address) => Of(broadcast.Id, address, Domain(broadcast.FromEmail));

    public string Of(BroadcastId broadcast, AddressId address, string domain)
    {
        Span<byte> subject = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(subject, broadcast.Value);
        BinaryPrimitives.WriteInt64BigEndian(subject[8..], address.Value);
        Span<byte> signature = stackalloc byte[InstanceKey.Length];
        instanceKey.Sign(Purpose, subject, signature);
        Span<char> mac = stackalloc char[MacLength * 4 / 3];
        Base64Url.EncodeToChars(signature[..MacLength], mac);
        return string.Create(CultureInfo.InvariantCulture, $"b{broadcast.Value}.{address.Value}.{mac}@{domain}");
    }

    public static string Domain(string email) => email[(email.LastIndexOf('@') + 1)..];
}
