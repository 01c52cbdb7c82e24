using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Mailbox;

namespace Ekiben.Commands;

/// <summary>A campaign of the demo with its account at the end.</summary>
internal sealed record DemoAccount(string Name, Receipt Receipt);

/// <summary>A campaign that waits for a person.</summary>
/// <param name="Campaign">What was posted.</param>
/// <param name="Receipt">Its account, all zero.</param>
/// <param name="Reach">Recipients it would have if it were approved now.</param>
internal sealed record DemoDraft(DemoCampaign Campaign, Receipt Receipt, long Reach);

/// <summary>Everything that the demo has to show, and the judgement on it.</summary>
internal sealed record DemoOutcome(IReadOnlyList<DemoAccount> Sent, IReadOnlyList<DemoDraft> Drafts, DemoMailbox Mailbox)
{
    public long Accepted => Sent.Sum(account => account.Receipt.Accepted);

    /// <summary>
    /// One sentence on the first thing that does not add up, null when everything does. Each broadcast was sent to everybody it was meant for,
    /// the mailbox has one message for each of them, and no draft moved.
    /// </summary>
    public string? WhatIsWrong()
    {
        foreach (var (name, receipt) in Sent)
        {
            if (WhatIsWrongWithSent(receipt) is { } wrong)
            {
                return $"{name} {wrong}";
            }
        }

        foreach (var draft in Drafts)
        {
            if (draft.Receipt.Status != BroadcastStatus.Draft.Word())
            {
                return $"{draft.Campaign.Name} was approved by nobody and is {draft.Receipt.Status}";
            }

            if (!draft.Receipt.Balanced || ReceiptCommand.Lines(draft.Receipt).Any(line => line.Count != 0))
            {
                return $"{draft.Campaign.Name} is a draft with a receipt that is not all zero";
            }
        }

        if (Mailbox.Taken != Accepted)
        {
            return Text($"{Accepted} messages were accepted and the mailbox took {Mailbox.Taken}");
        }

        // Beyond its limit it drops the oldest.
        return Accepted <= MailboxStore.MaxMessages && Mailbox.Kept != Accepted ? Text($"{Accepted} messages were accepted and the mailbox has {Mailbox.Kept}") : null;
    }

    private static string? WhatIsWrongWithSent(Receipt receipt)
    {
        if (receipt.Status != BroadcastStatus.Sent.Word())
        {
            return $"is {receipt.Status} and not sent";
        }

        if (!receipt.Balanced)
        {
            return "has a receipt that does not add up";
        }

        if (receipt.Recipients == 0)
        {
            return "had no recipients";
        }

        return receipt.Accepted != receipt.Recipients ? Text($"was accepted for {receipt.Accepted} of {receipt.Recipients} recipients") : null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
