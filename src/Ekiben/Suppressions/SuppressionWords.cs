namespace Ekiben.Suppressions;

/// <summary>Why an address gets no mail, for people.</summary>
internal static class SuppressionWords
{
    public static string Of(SuppressionReason reason) => reason switch
    {
        SuppressionReason.HardBounce => "the mailbox does not exist",
        SuppressionReason.Complaint => "the person called a message spam",
        SuppressionReason.Manual => "put there by a person",
        SuppressionReason.Deleted => "the person was deleted",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "no words"),
    };
}
