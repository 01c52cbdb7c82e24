using System.Text;
using CsCheck;
using Ekiben.Sink;

namespace Ekiben.Tests.Sink;

public class SinkBodyTests
{
    // Few letters, so that terminators and their halves come up often.
    private static readonly Gen<string> Text = Gen.Int[0, 4].Select(one => new[] { "\r\n", ".", "a", "\r", "\n" }[one]).Array[0, 30].Select(parts => string.Concat(parts));

    [Fact]
    public void Any_message_comes_out_as_it_was_stuffed_wherever_it_is_split() =>
        Gen.Select(Text, Gen.Int[1, 7], Text).Sample((message, piece, after) =>
        {
            var body = new SinkBody(1_000);
            var lines = message + "\r\n";
            var wire = Encoding.ASCII.GetBytes(Stuff(lines) + ".\r\n" + after);
            var taken = Take(body, wire, piece);
            return Encoding.ASCII.GetString(body.Content) == lines
                && Encoding.ASCII.GetString(wire.AsSpan(taken)) == after
                && body.Size == lines.Length && !body.TooBig;
        });

    [Fact]
    public void A_cleared_body_is_as_new_after_a_message_that_was_too_big()
    {
        var body = new SinkBody(10);
        var wire = Encoding.ASCII.GetBytes(new string('x', 5_000) + "\r\n.\r\nrest");
        Assert.Equal(wire.Length - 4, Take(body, wire, 1_000));
        Assert.True(body.TooBig);
        Assert.Equal(5_002, body.Size);
        body.Clear();
        Assert.Equal(3, Take(body, ".\r\n"u8.ToArray(), 1));
        Assert.Equal((0, false), (body.Size, body.TooBig));
    }

    private static int Take(SinkBody body, byte[] wire, int piece)
    {
        var taken = 0;
        for (var complete = false; !complete;)
        {
            Assert.True(taken < wire.Length, "The end was not seen.");
            taken += body.Take(wire.AsSpan(taken, Math.Min(piece, wire.Length - taken)), out complete);
        }

        return taken;
    }

    private static string Stuff(string lines) => ("\r\n" + lines).Replace("\r\n.", "\r\n..", StringComparison.Ordinal)[2..];
}
