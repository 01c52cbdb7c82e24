using System.Text;
using Ekiben.Broadcasts;

namespace Ekiben.Subscribers;

/// <summary>What an address is found by, also after its text was deleted (ledger.md rule 1).</summary>
internal static class AddressHash
{
    /// <summary>Half of SHA-256: 8 bytes would risk calling two people one.</summary>
    public const int Length = 16;

    public static byte[] Of(InstanceKey key, string normalised) => key.Sign("address", Encoding.UTF8.GetBytes(normalised))[..Length];
}
