return await Ekiben.Commands.Cli.RunAsync(args);
