using System.Text;

namespace Ekiben.Smtp.Tests;

/// <summary>Plays a conversation's server against a session, and does what a lane does: begins messages, sends bodies, takes outcomes.</summary>
internal sealed class Replay(Conversation conversation)
{
    private readonly List<byte> _said = [];
    private int _begun;

    public SmtpSession Session { get; } = new(conversation.Options, "client.example", conversation.OneByOne);

    public List<DeliveryOutcome> Outcomes { get; } = [];

    /// <summary>Writes since the last look: what leaves together.</summary>
    public int Writes { get; private set; }

    /// <summary>Bytes that may still be handed out; what is beyond them never leaves.</summary>
    public int Budget { get; set; } = int.MaxValue;

    public bool IsSpent => Budget == 0;

    public void Hear(ReadOnlySpan<byte> bytes)
    {
        Session.Receive(bytes);
        GoOn();
    }

    public string Said()
    {
        var text = Encoding.UTF8.GetString(_said.ToArray());
        _said.Clear();
        Writes = 0;
        return text;
    }

    public void Lose(string reason, bool isTimeout = false)
    {
        Session.Lost(reason, isTimeout);
        GoOn();
    }

    public void GoOn()
    {
        for (var moved = true; moved;)
        {
            moved = false;
            while (Session.TryTakeOutcome(out var outcome))
            {
                Outcomes.Add(outcome!);
                moved = true;
            }

            var room = conversation.Single ? 1 : Session.Capacity;
            while (_begun < conversation.Messages.Count && Session.State is SmtpSessionState.Ready or SmtpSessionState.Closed && Session.Begun < room
                && (Session.State == SmtpSessionState.Ready || _begun > 0))
            {
                Session.Begin(conversation.Messages[_begun++]);
                moved = true;
            }

            if (Session.IsReadyForBody)
            {
                Session.SendBody();
                moved = true;
            }

            moved |= Write();
        }

        if (conversation.Quits && Outcomes.Count == conversation.Messages.Count)
        {
            Session.Quit();
            Write();
        }
    }

    private bool Write()
    {
        var buffer = new byte[Math.Min(Budget, 65536)];
        var length = Session.HasOutput && buffer.Length > 0 ? Session.TakeOutput(buffer) : 0;
        if (length == 0)
        {
            return false;
        }

        Budget -= length;
        Writes++;
        _said.AddRange(buffer.AsSpan(0, length));
        return true;
    }
}
