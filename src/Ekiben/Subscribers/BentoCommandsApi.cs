using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Ekiben.Broadcasts;
using Ekiben.Events;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Subscribers;

/// <summary>Bento's route for commands on one person each. What a command needs and is not there (person, tag, field) is made.</summary>
internal static class BentoCommandsApi
{
    private static readonly string[] Words =
        ["add_tag", "remove_tag", "add_tag_via_event", "add_field", "remove_field", "subscribe", "unsubscribe", "change_email"];

    public static void MapBentoCommands(this RouteGroupBuilder bento) =>
        bento.Map("POST", "/fetch/commands", RunAsync).WithTags("Bento: people").Describe("Change people by commands", typeof(Ran), typeof(CommandsBody));

    /// <summary>1. Read every command. 2. Run them in their order, in one transaction. 3. Answer the counts, and the last person as they are now.</summary>
    private static async Task<Answer> RunAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadBatch(request, "command", RequestLimits.MaxCommands, out var items, out var refusal))
        {
            return refusal!;
        }

        var commands = new List<Command>(items.Count);
        var failures = new List<BentoFailure>();
        for (var index = 0; index < items.Count; index++)
        {
            if (TryRead(request.Service<InstanceKey>(), items[index], out var command, out var error))
            {
                commands.Add(command!);
            }
            else
            {
                failures.Add(new BentoFailure(index, BentoValues.Text(items[index], "command"), error!));
            }
        }

        return await request.WriteAsync(async () =>
        {
            var now = request.Service<TimeProvider>().GetUtcNow();
            var changes = new SubscriberChanges(request.Service<SubscriberImport>(), request.Db, request.SiteId, now);
            foreach (var command in commands)
            {
                await RunAsync(request, changes, command, now);
            }

            await changes.WriteAsync(request.Cancel);
            var last = commands.Count == 0 ? null : await BentoVisitors.FindAsync(request, commands[^1].EmailAfter, null);
            return Answer.Ok(new Ran(commands.Count, commands.Count, failures.Count, failures, last is null ? null : await BentoVisitors.RecordAsync(request, last)));
        });
    }

    private static async Task RunAsync(ApiRequest request, SubscriberChanges changes, Command command, DateTimeOffset now)
    {
        switch (command.Word)
        {
            case "change_email":
                await changes.ChangeEmailAsync(command.Person, command.NewAddress!.Value, command.NewHash!, request.Cancel);
                return;
            case "remove_field" when command.Field is "first_name" or "last_name":
                await changes.ClearNameAsync(command.Person, command.Field == "first_name", request.Cancel);
                return;
        }

        changes.Say(command.Person);
        switch (command.Word)
        {
            case "subscribe":
                changes.Subscribe(command.Person);
                break;
            case "unsubscribe":
                changes.Unsubscribe(command.Person, now);
                break;
            case "add_tag_via_event":
                var ids = await changes.WriteAsync(request.Cancel);
                request.Db.Events.Add(new Event
                {
                    SiteId = request.SiteId,
                    SubscriberId = ids[Convert.ToHexString(command.Person.Hash)],
                    Type = EventTypes.Tag,
                    Details = new JsonObject { ["tag"] = command.Person.AddTags[0] }.ToJsonString(),
                    At = now,
                    CreatedAt = now,
                });
                break;
        }
    }

    /// <summary>Each command is read as the import of one person that says the same, so both have one set of rules.</summary>
    private static bool TryRead(InstanceKey instanceKey, JsonElement item, out Command? command, out string? error)
    {
        command = null;
        var word = BentoValues.Text(item, "command")?.Trim();
        if (word is null || !Words.Contains(word))
        {
            error = $"\"command\" must be one of {string.Join(", ", Words)}.";
            return false;
        }

        var said = new JsonObject { ["email"] = BentoValues.Text(item, "email") };
        item.TryGetProperty("query", out var query);
        string? field = null;
        EmailAddress to = default;
        error = word switch
        {
            "add_tag" or "add_tag_via_event" => SayTag(said, "tags", query),
            "remove_tag" => SayTag(said, "remove_tags", query),
            "add_field" => SayField(said, query),
            "remove_field" => SayNoField(said, query, out field),
            "change_email" => EmailAddress.TryParse(query.ValueKind == JsonValueKind.String ? query.GetString() : null, out to, out var fault) ? null : $"\"query\" must be the new address. {fault}",
            _ => null,
        };
        if (error is not null || !new SubscriberItemReader(instanceKey).TryRead(ApiJson.Element(said.ToJsonString()), out var person, out error))
        {
            return false;
        }

        command = word == "change_email"
            ? new Command(word, person!, null, to, AddressHash.Of(instanceKey, to.Normalised))
            : new Command(word, person!, field, null, null);
        return true;
    }

    private static string? SayTag(JsonObject said, string key, JsonElement query)
    {
        if (query.ValueKind is not (JsonValueKind.String or JsonValueKind.Number) || string.IsNullOrWhiteSpace(query.ToString().Trim(',', ' ')))
        {
            return "\"query\" must be a tag's name.";
        }

        said[key] = query.ToString();
        return null;
    }

    /// <summary>Clients with strict types can only send a text: JSON in it is read.</summary>
    private static string? SayField(JsonObject said, JsonElement query)
    {
        if (query.ValueKind == JsonValueKind.String)
        {
            try
            {
                query = ApiJson.Element(query.GetString()!);
            }
            catch (JsonException)
            {
                return FieldQuery;
            }
        }

        if (BentoValues.Text(query, "key")?.Trim() is not { Length: > 0 } key || !query.TryGetProperty("value", out var value))
        {
            return FieldQuery;
        }

        said["fields"] = new JsonObject { [key] = JsonNode.Parse(value.GetRawText()) };
        return null;
    }

    private static string? SayNoField(JsonObject said, JsonElement query, out string? field)
    {
        field = query.ValueKind == JsonValueKind.Object ? BentoValues.Text(query, "key")?.Trim() : query.ValueKind == JsonValueKind.String ? query.GetString()!.Trim() : null;
        if (string.IsNullOrEmpty(field))
        {
            return "\"query\" must be a field's key.";
        }

        said["fields"] = new JsonObject { [field] = null };
        return null;
    }

    private const string FieldQuery = "\"query\" must be an object with \"key\" and \"value\".";

    private sealed record Command(string Word, SubscriberRecord Person, string? Field, EmailAddress? NewAddress, byte[]? NewHash)
    {
        public string EmailAfter => NewAddress?.Normalised ?? Person.Address.Normalised;
    }

    /// <summary>Counts for today's clients, the person for older ones; with an object for some and at the top for others.</summary>
    private sealed record Ran(int Results, int Result, int Failed, IReadOnlyList<BentoFailure> Failures, BentoRecord? Data)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Id => Data?.Id;

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Type => Data?.Type;

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public object? Attributes => Data?.Attributes;
    }
}
