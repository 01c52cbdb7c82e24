using Ekiben.Broadcasts.Pages;
using Ekiben.Segments;

namespace Ekiben.Tests.Broadcasts.Pages;

/// <summary>Every test and way to put tests together as a sentence.</summary>
public sealed class RuleInWordsTests
{
    [Theory]
    [InlineData("""{"tag":"vip"}""", "Tagged “vip”.")]
    [InlineData("""{"field":"plan","op":"eq","value":"pro"}""", "Plan is “pro”.")]
    [InlineData("""{"field":"plan","op":"ne","value":"pro"}""", "Plan is not “pro”.")]
    [InlineData("""{"field":"age","op":"gt","value":30}""", "Age is above 30.")]
    [InlineData("""{"field":"age","op":"gte","value":30.5}""", "Age is at least 30.5.")]
    [InlineData("""{"field":"age","op":"lt","value":30}""", "Age is below 30.")]
    [InlineData("""{"field":"age","op":"lte","value":30}""", "Age is at most 30.")]
    [InlineData("""{"field":"city","op":"contains","value":"er"}""", "City contains “er”.")]
    [InlineData("""{"field":"first_name","op":"starts_with","value":"A"}""", "First name starts with “A”.")]
    [InlineData("""{"field":"email","op":"ends_with","value":"@x.example"}""", "E-mail address ends with “@x.example”.")]
    [InlineData("""{"field":"last_name","op":"exists"}""", "Last name is filled in.")]
    [InlineData("""{"field":"city","op":"missing"}""", "City is empty.")]
    [InlineData("""{"field":"pays","op":"eq","value":true}""", "Pays is true.")]
    [InlineData("""{"field":"created_at","op":"gte","value":"2026-01-31"}""", "Added on or after 2026-01-31.")]
    [InlineData("""{"field":"created_at","op":"gt","value":"2026-01-31"}""", "Added after 2026-01-31.")]
    [InlineData("""{"field":"updated_at","op":"lt","value":"2026-01-31"}""", "Changed before 2026-01-31.")]
    [InlineData("""{"field":"updated_at","op":"lte","value":"2026-01-31"}""", "Changed on or before 2026-01-31.")]
    [InlineData("""{"field":"created_at","op":"eq","value":"2026-01-31"}""", "Added at 2026-01-31.")]
    [InlineData("""{"field":"created_at","op":"ne","value":"2026-01-31"}""", "Not added at 2026-01-31.")]
    [InlineData("""{"field":"unsubscribed_at","op":"exists"}""", "Ever unsubscribed.")]
    [InlineData("""{"field":"unsubscribed_at","op":"missing"}""", "Never unsubscribed.")]
    [InlineData("""{"field":"last_event_at","op":"exists"}""", "With any event.")]
    [InlineData("""{"field":"last_event_at","op":"missing"}""", "Without any event.")]
    [InlineData("""{"field":"last_event_at","op":"gte","value":"2026-01-31"}""", "Last event on or after 2026-01-31.")]
    [InlineData("""{"and":[{"tag":"a"},{"tag":"b"},{"tag":"c"}]}""", "Tagged “a”, “b” and “c”.")]
    [InlineData("""{"or":[{"tag":"a"},{"tag":"b"}]}""", "Tagged “a” or “b”.")]
    [InlineData("""{"and":[{"tag":"a"}]}""", "Tagged “a”.")]
    [InlineData("""{"not":{"tag":"a"}}""", "Not tagged “a”.")]
    [InlineData("""{"not":{"or":[{"tag":"a"},{"tag":"b"}]}}""", "Not tagged “a” or “b”.")]
    [InlineData("""{"not":{"not":{"tag":"a"}}}""", "Tagged “a”.")]
    [InlineData("""{"not":{"and":[{"field":"city","op":"exists"}]}}""", "City is empty.")]
    [InlineData("""{"not":{"and":[{"tag":"a"},{"tag":"b"}]}}""", "Not (tagged “a” and “b”).")]
    [InlineData("""{"not":{"field":"plan","op":"eq","value":"pro"}}""", "Not (plan is “pro”).")]
    [InlineData("""{"and":[{"or":[{"tag":"a"},{"tag":"b"}]},{"not":{"tag":"c"}}]}""", "Tagged “a” or “b” and not tagged “c”.")]
    [InlineData("""{"or":[{"and":[{"tag":"a"},{"field":"city","op":"missing"}]},{"field":"age","op":"gt","value":1}]}""", "(tagged “a” and city is empty) or age is above 1.")]
    public void Rule_reads_as_a_sentence(string json, string expected) => Assert.Equal(expected, RuleInWords.Sentence(SegmentRule.Parse(json)));

    [Fact]
    public void Every_test_has_words_for_a_value_and_for_a_time()
    {
        foreach (var test in Enum.GetValues<FieldTest>())
        {
            foreach (var field in (string[])["plan", "created_at"])
            {
                Assert.NotEmpty(RuleInWords.Describe(new SegmentRule.FieldIs(field, test, "x")));
            }
        }
    }
}
