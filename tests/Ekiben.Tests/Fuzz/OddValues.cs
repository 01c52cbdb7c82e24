using System.Text.Json.Nodes;

namespace Ekiben.Tests.Fuzz;

/// <summary>What nobody sends on purpose, or somebody does.</summary>
internal static class OddValues
{
    private static readonly string[] Texts =
    [
        "", " ", "\0", "a\0b", "\r\n", "a\nb", "\t", "%", "%00", "%zz", "'", "\"", "\\", "--", ";", "' OR 1=1 --", "{{", "{% if %}", "{{ visitor.email | ", "{% raw %}", "}}", "<script>", "null", "true", "-1", "0",
        "1e999", "NaN", "9223372036854775808", "99999999999999999999999999", "0x10", "１２", "2026-13-45", "0000-00-00", "0001-01-01T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59.9999999+14:00", "9999-12-31", "1970-01-01T00:00:00-14:00", "2026-03-29 02:30",
        "a@b", "@", "a@@example.com", "ann@example.com,bo@example.com", "\"a b\"@example.com", "ann@[127.0.0.1]", "ann@xn--.com", "ann@" + "x.", "ann@ex ample.com", "Ann <ann@example.com>", "ann%40example.com", "ann%2540example.com", "ä@ü.example", "👩‍🚀@example.com",
        "ﷺ", "\u202e", "\ufeff", "\uffff", "İ", "ß", "e\u0301", "$purchase", "$tag", "$unsubscribe", "$subscribe", "segment_", "layout_", "report_signups", "first_name", "email", "tags", "*", "../../etc/passwd", "site_uuid", "[]", "{}", "[[[[", ",,,,", "a,b,,c", "id,id",
    ];

    private static readonly string[] Numbers =
        ["0", "-0", "-1", "1", "2", "10", "100", "1001", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e308", "1e309", "-1e400", "1.5", "0.1e-400", "1E+2", "123456789012345678901234567890"];

    /// <summary>One text: mostly short and odd, sometimes long.</summary>
    public static string Text(Random random) => random.Next(40) switch
    {
        0 => new string('a', random.Next(200, 5000)),
        1 => string.Concat(Enumerable.Repeat("ü👩‍🚀", random.Next(1, 600))),
        2 => new string((char)random.Next(1, 0xD7FF), random.Next(1, 300)),
        3 => string.Join('.', Enumerable.Repeat("a", random.Next(1, 200))) + "@example.com",
        4 => string.Join(',', Enumerable.Range(0, random.Next(1, 300)).Select(i => "t" + i)),
        5 => string.Concat(Enumerable.Repeat("{% if a %}", random.Next(1, 400))),
        _ => Texts[random.Next(Texts.Length)],
    };

    /// <summary>One value as JSON text; not always what a parser of ours would take.</summary>
    public static string Json(Random random) => random.Next(12) switch
    {
        0 => "null",
        1 => "true",
        2 => "false",
        3 or 4 => Numbers[random.Next(Numbers.Length)],
        5 => "[]",
        6 => "{}",
        7 => "[" + string.Join(',', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Json(random))) + "]",
        8 => "{" + Quoted(Text(random)) + ":" + Json(random) + "}",
        9 => Deep(random.Next(1, 70)),
        10 => random.Next(3) switch { 0 => "\"\\ud800\"", 1 => "\"\\udc00\\ud800\"", _ => "\"\\u0000\"" },
        _ => Quoted(Text(random)),
    };

    public static string Quoted(string text) => JsonValue.Create(text)!.ToJsonString();

    private static string Deep(int levels) => string.Concat(Enumerable.Repeat("[", levels)) + string.Concat(Enumerable.Repeat("]", levels));
}
