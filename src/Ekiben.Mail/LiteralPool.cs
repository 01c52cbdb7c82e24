using System.Text;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail;

/// <summary>
/// The static text of a template, encoded once. In the source that the engine parses each longer literal is replaced by a marker of two
/// characters, a noncharacter (U+FDD0, never valid in text) and the literal's number; when the rendering is written out, the marker is
/// replaced by the octets made at compile time. The engine renders a few hundred octets instead of the whole mail.
/// </summary>
internal sealed class LiteralPool
{
    public const char Marker = '\uFDD0';
    public const char Slot = '\uFDD1';
    private const char FirstNumber = '\u4E00';
    private const int MaxLiterals = 20_000;
    private const int WorthIt = 24;
    private readonly List<Entry> _entries = [];
    private readonly Dictionary<string, char> _numbers = new(StringComparer.Ordinal);

    /// <summary>
    /// A literal: <c>Head</c> is written through the encoder, up to the first line break, so that <c>Rest</c> starts on a line of its own
    /// and could be encoded beforehand.
    /// </summary>
    private readonly record struct Entry(string Text, byte[] Utf8, int Head, byte[] Rest, int EndColumn);

    /// <summary>The source for the engine.</summary>
    public string Intern(IEnumerable<Piece> pieces)
    {
        var source = new StringBuilder();
        var captures = 0;
        foreach (var piece in Merge(pieces))
        {
            if (piece.Kind != PieceKind.Literal)
            {
                if (piece.Name == "capture") captures++;
                if (piece.Name == "endcapture") captures--;
                source.Append(piece.Text);
                continue;
            }
            var text = piece.Text.Replace('\uFDD0', '\uFFFD');
            var looksLikeLiquid = text.Contains("{{", StringComparison.Ordinal) || text.Contains("{%", StringComparison.Ordinal) || text.EndsWith('{');
            // A captured text may go through filters, so it must be the text; a blank one must look blank to the engine.
            if (captures > 0 || _entries.Count == MaxLiterals || string.IsNullOrWhiteSpace(text) || (text.Length < WorthIt && !looksLikeLiquid))
                source.Append(looksLikeLiquid ? Raw(text) : text);
            else
                source.Append(Marker).Append(Add(text));
        }
        return source.ToString();
    }

    /// <summary>The text behind a literal of the engine's source, for the tracker of places.</summary>
    public void Feed(HtmlLexer lexer, ReadOnlySpan<char> literal)
    {
        while (literal.Length > 0)
        {
            var at = literal.IndexOf(Marker);
            if (at < 0 || at + 1 == literal.Length || literal[at + 1] - FirstNumber is var number && (number < 0 || number >= _entries.Count))
            {
                lexer.Feed(literal);
                return;
            }
            lexer.Feed(literal[..at]);
            lexer.Feed(_entries[literal[at + 1] - FirstNumber].Text);
            literal = literal[(at + 2)..];
        }
    }

    /// <summary>Writes a rendering as quoted-printable. <paramref name="slot"/> goes where the slot's marker stands.</summary>
    public void Encode(ReadOnlySpan<byte> rendering, ReadOnlySpan<byte> slot, ref QuotedPrintable output)
    {
        var total = 0;
        while (Next(ref rendering, out var before, out var number, out var isSlot))
        {
            output.Encode(before);
            Count(ref total, before.Length);
            if (isSlot) output.Encode(slot);
            if (number < 0) continue;
            var entry = _entries[number];
            Count(ref total, entry.Utf8.Length);
            output.Encode(entry.Utf8.AsSpan(0, entry.Head));
            if (entry.Rest.Length == 0) continue;
            if (output.Column > 0) output.SoftBreak();
            output.Encoded(entry.Rest, entry.EndColumn);
        }
        Count(ref total, rendering.Length);
        output.Encode(rendering);
        output.End();
    }

    /// <summary>The rendering as readable text: what <see cref="Encode"/> would write, decoded.</summary>
    public string Expand(ReadOnlySpan<byte> rendering, ReadOnlySpan<byte> slot)
    {
        var text = new StringBuilder();
        while (Next(ref rendering, out var before, out var number, out var isSlot))
        {
            text.Append(Encoding.UTF8.GetString(before));
            if (isSlot) text.Append(Encoding.UTF8.GetString(slot));
            if (number >= 0) text.Append(_entries[number].Text);
        }
        return text.Append(Encoding.UTF8.GetString(rendering)).ToString();
    }

    /// <summary>Goes to the next marker: U+FDD0 is EF B7 90 and U+FDD1, U+FDD2 follow; numbers are three octets too.</summary>
    private bool Next(ref ReadOnlySpan<byte> rendering, out ReadOnlySpan<byte> before, out int number, out bool isSlot)
    {
        number = -1;
        isSlot = false;
        var from = 0;
        while (true)
        {
            var at = rendering[from..].IndexOf("\uFDD0"u8[..2]);
            if (at < 0 || from + at + 3 > rendering.Length)
            {
                before = default;
                return false;
            }
            at += from;
            isSlot = rendering[at + 2] == 0x91;
            if (rendering[at + 2] is not (>= 0x90 and <= 0x92))
            {
                from = at + 2;
                continue;
            }
            before = rendering[..at];
            var isMarker = rendering[at + 2] == 0x90;
            rendering = rendering[(at + 3)..];
            if (!isMarker) return true;
            // A marker that isn't ours (a value that was written raw) names no literal and disappears.
            if (Rune.DecodeFromUtf8(rendering, out var rune, out var consumed) != System.Buffers.OperationStatus.Done) return true;
            if (rune.Value - FirstNumber < 0 || rune.Value - FirstNumber >= _entries.Count) return true;
            number = rune.Value - FirstNumber;
            rendering = rendering[consumed..];
            return true;
        }
    }

    private static void Count(ref int total, int octets)
    {
        total += octets;
        if (total > PartTemplate.MaxOctets) throw new RenderException(PartTemplate.TooLong);
    }

    private char Add(string text)
    {
        // Equal texts are one marker: ifchanged compares what was rendered.
        if (_numbers.TryGetValue(text, out var known)) return known;
        var utf8 = Encoding.UTF8.GetBytes(text);
        var head = utf8.AsSpan(0, Math.Min(utf8.Length, 256)).IndexOf((byte)'\n') + 1;
        if (utf8.Length - head < WorthIt) head = utf8.Length;
        var encoded = new ByteWriter(4 * PartTemplate.MaxOctets, PartTemplate.TooLong);
        var encoder = new QuotedPrintable(encoded);
        encoder.Encode(utf8.AsSpan(head));
        _entries.Add(new Entry(text, utf8, head, encoded.Written.ToArray(), encoder.Column));
        return _numbers[text] = (char)(FirstNumber + _entries.Count - 1);
    }

    private static string Raw(string text) =>
        "{% raw %}" + text.Replace("{%", "{% endraw %}{{ '{' }}{% raw %}%", StringComparison.Ordinal) + "{% endraw %}";

    private static List<Piece> Merge(IEnumerable<Piece> pieces)
    {
        var merged = new List<Piece>();
        foreach (var piece in pieces)
        {
            if (piece.Kind == PieceKind.Literal && merged is [.., { Kind: PieceKind.Literal } last]) merged[^1] = Piece.Literal(last.Text + piece.Text);
            else merged.Add(piece);
        }
        return merged;
    }
}
