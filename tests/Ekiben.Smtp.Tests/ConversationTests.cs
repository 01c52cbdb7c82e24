using System.Text;

namespace Ekiben.Smtp.Tests;

/// <summary>Every recorded conversation, with the server's bytes in every split, and cut off at every byte of either side.</summary>
public class ConversationTests
{
    public static TheoryData<string> Names() => Conversation.Names();

    [Theory]
    [MemberData(nameof(Names))]
    public void Goes_as_recorded_reply_by_reply(string name)
    {
        var replay = Play(name, bytes => [bytes], oneWrite: true);
        Ends(name, replay);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Goes_as_recorded_line_by_line(string name)
    {
        var replay = Play(name, Lines, oneWrite: false);
        Ends(name, replay);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Goes_as_recorded_byte_by_byte(string name)
    {
        var replay = Play(name, bytes => bytes.Select(b => new[] { b }), oneWrite: false);
        Ends(name, replay);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Cut_off_after_any_byte_of_ours_a_message_is_uncertain_exactly_when_its_dot_was_handed_out(string name)
    {
        var conversation = Conversation.Load(name);
        var total = conversation.Blocks.Where(block => block.Kind == "C").Sum(block => block.Bytes.Length);
        for (var budget = 0; budget < total; budget++)
        {
            var replay = new Replay(conversation) { Budget = budget };
            replay.GoOn();
            foreach (var block in conversation.Blocks)
            {
                // The server speaks only after it has heard all that it answers.
                Hear(replay, block);
                if (replay.IsSpent)
                {
                    break;
                }
            }

            replay.Lose("cut");
            Agree(conversation, replay, budget, $"{name}, cut after {budget} bytes of ours");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Cut_off_after_any_byte_of_the_server_no_message_is_lost_or_doubted_without_reason(string name)
    {
        var conversation = Conversation.Load(name);
        var total = conversation.Blocks.Where(block => block.Kind == "S").Sum(block => block.Bytes.Length);
        for (var cut = 0; cut < total; cut++)
        {
            var replay = new Replay(conversation);
            replay.GoOn();
            var (left, said) = (cut, 0);
            foreach (var block in conversation.Blocks)
            {
                if (block.Kind == "S")
                {
                    var bytes = block.Bytes;
                    replay.Hear(bytes.AsSpan(0, Math.Min(left, bytes.Length)));
                    left -= bytes.Length;
                }
                else
                {
                    Hear(replay, block);
                }

                said += Encoding.UTF8.GetByteCount(replay.Said());
                if (left < 0)
                {
                    break;
                }
            }

            replay.Lose("cut");
            Agree(conversation, replay, said, $"{name}, cut after {cut} bytes of the server's");
        }
    }

    private static Replay Play(string name, Func<byte[], IEnumerable<byte[]>> split, bool oneWrite)
    {
        var conversation = Conversation.Load(name);
        var replay = new Replay(conversation);
        replay.GoOn();
        var heard = false;
        foreach (var block in conversation.Blocks)
        {
            if (block.Kind == "C")
            {
                Assert.True(!oneWrite || replay.Writes == 1, $"{name}: {replay.Writes} writes for {block.Text}");
                Assert.Equal(block.Text.ToString(), replay.Said());
                heard = false;
            }
            else if (block.Kind == "S")
            {
                Assert.False(heard, "two server blocks in a row");
                foreach (var part in split(block.Bytes))
                {
                    replay.Hear(part);
                }

                heard = true;
            }
            else
            {
                Hear(replay, block);
            }
        }

        Assert.Equal("", replay.Said());
        return replay;
    }

    private static void Hear(Replay replay, Conversation.Block block)
    {
        switch (block.Kind)
        {
            case "S":
                replay.Hear(block.Bytes);
                break;
            case "TLS" when replay.Session.State == SmtpSessionState.AwaitingTls:
                replay.Session.TlsStarted();
                replay.GoOn();
                break;
            case "TLS":
                Assert.True(replay.IsSpent, "no handshake is due");
                break;
            case "CLOSE":
                replay.Lose("the server closed the connection");
                break;
            case "SLOW":
                replay.Lose("too slow", replay.Session.Phase != SmtpPhase.Dot);
                break;
        }
    }

    private static void Ends(string name, Replay replay)
    {
        var conversation = Conversation.Load(name);
        Assert.Equal(conversation.Outcomes, replay.Outcomes.Select(Say));
        var failure = replay.Session.Failure;
        Assert.Equal(conversation.Failure, failure is null ? null : $"{(failure.IsPermanent ? "permanent" : "temporary")} {failure.Phase} {failure.Reason}");
        Assert.Equal(conversation.Misbehaved, replay.Session.PeerMisbehaved);
    }

    private static void Agree(Conversation conversation, Replay replay, int said, string where)
    {
        var expected = conversation.Outcomes;
        for (var i = 0; i < replay.Outcomes.Count; i++)
        {
            var outcome = replay.Outcomes[i];
            if (Say(outcome) == expected[i])
            {
                continue;
            }

            var mayHaveLeft = conversation.Dots.TryGetValue(i, out var dot) && dot < said;
            Assert.True(mayHaveLeft ? outcome is DeliveryOutcome.Uncertain : outcome is DeliveryOutcome.NotSent, $"{where}: message {i} is {outcome}");
        }

        Assert.True(replay.Outcomes.Count == conversation.Messages.Count || replay.Outcomes.Count == 0, $"{where}: {replay.Outcomes.Count} outcomes");
    }

    internal static string Say(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted accepted => $"accepted {accepted.Reply}",
        DeliveryOutcome.Deferred deferred => $"deferred {deferred.Phase} {deferred.Reply}",
        DeliveryOutcome.Refused refused => $"refused {refused.Phase} {refused.Reply}",
        DeliveryOutcome.Uncertain uncertain => $"uncertain {uncertain.Phase}",
        DeliveryOutcome.NotSent unsent => $"notsent {unsent.Phase}",
        _ => throw new InvalidOperationException(outcome.ToString()),
    };

    private static IEnumerable<byte[]> Lines(byte[] bytes)
    {
        for (var start = 0; start < bytes.Length;)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', start);
            end = end < 0 ? bytes.Length : end + 1;
            yield return bytes[start..end];
            start = end;
        }
    }
}
