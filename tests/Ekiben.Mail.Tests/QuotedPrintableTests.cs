using System.Text;
using CsCheck;
using MimeKit.Encodings;

namespace Ekiben.Mail.Tests;

public class QuotedPrintableTests
{
    private static readonly Gen<string> Texts = Gen.String[Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['a', 'z'], Gen.Char["  \t\r\n.=.F"], Gen.Char['\u00A1', '\u9FFF']), 0, 400];

    private static string Encode(params string[] pieces)
    {
        var output = new ByteWriter(1 << 20, "too long");
        var encoder = new QuotedPrintable(output);
        foreach (var piece in pieces) encoder.Encode(Encoding.UTF8.GetBytes(piece));
        encoder.End();
        return Encoding.Latin1.GetString(output.Written);
    }

    private static string Decode(string encoded)
    {
        var decoder = new QuotedPrintableDecoder();
        var input = Encoding.Latin1.GetBytes(encoded);
        var output = new byte[decoder.EstimateOutputLength(input.Length)];
        return Encoding.UTF8.GetString(output, 0, decoder.Decode(input, 0, input.Length, output));
    }

    private static string Canonical(string text) => text.ReplaceLineEndings("\n").Replace("\r", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);

    private static void Check(string encoded)
    {
        foreach (var line in encoded.Split("\r\n"))
        {
            Assert.True(line.Length <= 76, $"{line.Length}: {line}");
            Assert.False(line.StartsWith('.'), line);
            Assert.False(line.StartsWith("From ", StringComparison.Ordinal), line);
            Assert.False(line.EndsWith(' ') || line.EndsWith('\t'), line);
            Assert.All(line, c => Assert.InRange(c, '\t', '~'));
        }
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a=b", "a=3Db")]
    [InlineData("é", "=C3=A9")]
    [InlineData("blank \nnext\t\n", "blank=20\r\nnext=09\r\n")]
    [InlineData("blank ", "blank=20")]
    [InlineData(".\n..\n.x", "=2E\r\n=2E.\r\n=2Ex")]
    [InlineData("From me\nFrom you", "=46rom me\r\n=46rom you")]
    [InlineData("a\rb\r\nc\nd", "a\r\nb\r\nc\r\nd")]
    public void Text_is_encoded(string text, string encoded) => Assert.Equal(encoded, Encode(text));

    [Fact]
    public void Any_text_survives_the_round_trip() =>
        Texts.Sample(text =>
        {
            var lines = Canonical(text.Replace('\u2028', 'x').Replace('\u2029', 'x').Replace('\u0085', 'x').Replace('\f', 'x'));
            var encoded = Encode(lines);
            Check(encoded);
            Assert.Equal(lines, Decode(encoded));
        }, iter: 20_000);

    [Fact]
    public void Pieces_encoded_one_by_one_mean_the_same_as_the_whole() =>
        Gen.Select(Texts, Texts, Texts).Sample((a, b, c) =>
        {
            // A CR LF that is cut in two is two breaks; pieces come from a compiler that doesn't cut there.
            a = a.TrimEnd('\r');
            b = b.TrimEnd('\r');
            var encoded = Encode(a, b, c);
            Check(encoded);
            Assert.Equal(Decode(Encode(a + b + c)), Decode(encoded));
        }, iter: 5_000);

    [Fact]
    public void Prepared_pieces_fit_in_anywhere() =>
        Gen.Select(Texts, Texts, Texts).Sample((before, prepared, after) =>
        {
            before = before.TrimEnd('\r');
            prepared = prepared.TrimEnd('\r');
            var piece = new ByteWriter(1 << 20, "too long");
            var pieceEncoder = new QuotedPrintable(piece);
            pieceEncoder.Encode(Encoding.UTF8.GetBytes(prepared));
            var output = new ByteWriter(1 << 20, "too long");
            var encoder = new QuotedPrintable(output);
            encoder.Encode(Encoding.UTF8.GetBytes(before));
            if (encoder.Column > 0) encoder.SoftBreak();
            encoder.Encoded(piece.Written, pieceEncoder.Column);
            encoder.Encode(Encoding.UTF8.GetBytes(after));
            encoder.End();
            var encoded = Encoding.Latin1.GetString(output.Written);
            Check(encoded);
            Assert.Equal(Decode(Encode(before + prepared + after)), Decode(encoded));
        }, iter: 5_000);
}
