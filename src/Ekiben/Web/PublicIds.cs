using System.Security.Cryptography;

namespace Ekiben.Web;

/// <summary>Ids that clients see of things that are configured, not counted: a prefix and 12 random characters.</summary>
internal static class PublicIds
{
    public const string Layout = "layout_";
    public const string Segment = "segment_";

    public const string Sequence = "sequence_";

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

    public static string New(string prefix) => prefix + RandomNumberGenerator.GetString(Alphabet, 12);
}
