Console.WriteLine("ekiben");
