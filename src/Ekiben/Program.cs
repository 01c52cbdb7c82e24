using System.CommandLine;
using Ekiben.Sink;

var root = new RootCommand("Ekiben, a self-hosted broadcast e-mail server.") { SinkCommand.Create() };
var parsed = root.Parse(args);
foreach (var error in parsed.Errors)
{
    await Console.Error.WriteLineAsync(error.Message);
}

return parsed.Errors.Count > 0 ? 2 : await parsed.InvokeAsync();
